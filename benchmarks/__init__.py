"""Comparisons that anybody can make again: many models under one recipe, what each costs, and what it is worth."""
