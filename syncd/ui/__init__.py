"""How syncd tells people and programs what happened."""
