"""Says which rule feeds which series: endpoint, group and policy chains walked into a plan."""
