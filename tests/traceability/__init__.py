"""From a paragraph of the sources to the recommendation, the FHIR actions and the cases that show it."""
