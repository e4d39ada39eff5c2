"""What operators do: list and retry effects, send dead letters back."""
