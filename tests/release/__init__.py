"""What is released and how: the image and the workflows."""
