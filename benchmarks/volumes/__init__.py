"""What the third dimension brings: made nodules and vessels in real lungs."""
