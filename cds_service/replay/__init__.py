"""The same rules over yesterday's patients: a bulk export in, one judgement a line out, and what is made of those.

No resource, name or value of a chart leaves it: ids of patients and of orders, and those only until they are hashed.
"""
