"""The database: what must outlive a request. Nothing in it is about a patient. No card waits for it."""
