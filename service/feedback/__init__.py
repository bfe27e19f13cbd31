"""What clinicians did with the cards, as EHRs report it. Nothing of a patient is kept."""
