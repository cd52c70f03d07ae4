"""Dynamic resources: each owns keyed entries in a document that this stack does not manage.

Module paths and class names below this package are a frozen interface: a stack's state names them.
"""
