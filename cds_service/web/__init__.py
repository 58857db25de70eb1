"""The service over HTTP. It assembles and decides nothing."""
