"""Names of FHIR resource types that this service meets but does not read."""

OTHER_RELEASES = (
    "MedicationOrder",
    "ProcedureRequest",
    "ReferralRequest",
    "MedicationUsage",
    "DiagnosticOrder",
    "DeviceUseRequest",
)
"""Resource types of other FHIR releases: one of them marks a request as not R4."""

_R4 = """
Account ActivityDefinition Appointment AppointmentResponse AuditEvent Basic Binary BiologicallyDerivedProduct
BodyStructure CapabilityStatement CareTeam CatalogEntry ChargeItem ChargeItemDefinition Claim ClaimResponse
ClinicalImpression CodeSystem Communication CommunicationRequest CompartmentDefinition Composition ConceptMap Consent
Contract Coverage CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue Device DeviceDefinition
DeviceMetric DeviceRequest DeviceUseStatement DocumentManifest DocumentReference EffectEvidenceSynthesis Endpoint
EnrollmentRequest EnrollmentResponse EpisodeOfCare EventDefinition Evidence EvidenceVariable ExampleScenario
ExplanationOfBenefit FamilyMemberHistory Flag Goal GraphDefinition Group GuidanceResponse HealthcareService
ImagingStudy Immunization ImmunizationEvaluation ImmunizationRecommendation ImplementationGuide InsurancePlan Invoice
Library Linkage List Location Measure MeasureReport Media MedicationAdministration MedicationKnowledge
MedicinalProduct MedicinalProductAuthorization MedicinalProductContraindication MedicinalProductIndication
MedicinalProductIngredient MedicinalProductInteraction MedicinalProductManufactured MedicinalProductPackaged
MedicinalProductPharmaceutical MedicinalProductUndesirableEffect MessageDefinition MessageHeader MolecularSequence
NamingSystem NutritionOrder ObservationDefinition OperationDefinition Organization OrganizationAffiliation Parameters
PaymentNotice PaymentReconciliation Person PlanDefinition Practitioner PractitionerRole Provenance Questionnaire
RelatedPerson RequestGroup ResearchDefinition ResearchElementDefinition ResearchStudy ResearchSubject RiskAssessment
RiskEvidenceSynthesis Schedule SearchParameter Slot Specimen SpecimenDefinition StructureDefinition StructureMap
Subscription SubstanceNucleicAcid SubstancePolymer SubstanceProtein SubstanceReferenceInformation
SubstanceSourceMaterial SubstanceSpecification SupplyDelivery SupplyRequest TerminologyCapabilities TestReport
TestScript ValueSet VerificationResult VisionPrescription
"""

UNREAD = tuple(_R4.split())
"""Every R4 resource type that no fact is read from."""
