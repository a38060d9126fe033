"""Operations on a payment, and their effects."""
