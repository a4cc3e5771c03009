"""One file a migration, in the order of their numbers. A file that was released is not changed."""
