"""Who may do what: tokens, roles, reviews, and the certificate of the server."""
