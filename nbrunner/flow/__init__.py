"""All that is known of a flow before it runs."""
