"""Steps of cases in transactions, and their effects carried out."""
