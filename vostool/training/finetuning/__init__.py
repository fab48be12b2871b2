"""Learning the objects of one video, before and while it is segmented."""
