"""Online fine-tuning: each network runs as trained and, in step, tuned to the video.

Tuning happens while the engine asks for frames: a source hands a frame with new masks on only when
the networks have learned from it. So the engine knows nothing of it, and objects that appear late
are learned in the middle of the video, whose memory stays.
"""
