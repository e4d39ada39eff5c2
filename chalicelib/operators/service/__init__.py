"""What operators do: look, have effects tried, send dead letters back."""
