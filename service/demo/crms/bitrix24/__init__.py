"""The simulated Bitrix24, written from the vendor's documents."""
