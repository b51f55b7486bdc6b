"""Fine-tune a pretrained encoder on a labelled task, with a control that starts from random weights."""
