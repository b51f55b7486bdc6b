"""Writing text token by token: the loop, the step, sampling, beams, streams."""
