"""A user's own data: tables, npz files, folders of images."""
