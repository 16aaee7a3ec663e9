"""What the rest of the product knows of Calico: its types, how Felix names things, and what the datastore holds."""
