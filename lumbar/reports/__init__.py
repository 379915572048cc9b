"""What people read: HTML, tables, curves."""
