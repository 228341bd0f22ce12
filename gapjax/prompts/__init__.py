"""The class descriptions and the strings that methods make of them."""
