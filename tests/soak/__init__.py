"""Many clients for a while, with every answer looked at (`make soak`)."""
