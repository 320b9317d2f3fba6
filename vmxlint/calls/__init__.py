"""Who calls whom: by name, through ops structs and handler tables, through function pointers."""
