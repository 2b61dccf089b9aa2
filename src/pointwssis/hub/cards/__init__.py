# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Model cards: of trained models (`trained`), and of released, converted and pushed ones (`released`)."""

from .trained import CURVES_FILE, card_of, local_name, write_card
from .training_facts import FACTS_FILE, TrainingFacts

__all__ = ["CURVES_FILE", "FACTS_FILE", "TrainingFacts", "card_of", "local_name", "write_card"]
