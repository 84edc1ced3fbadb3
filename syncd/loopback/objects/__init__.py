"""What an object may be and how it is written: schema, rules, patches, ownership."""
