"""Every function of tensors."""
