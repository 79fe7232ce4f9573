"""What a page shows of a report: finding, chart, table or drill-down, definitions, file."""
