"""Language models measured by what they choose among candidates, without training."""
