"""Laws: what holds for every patient, tried on generated ones."""
