"""Sound files of any program. Their length is counted from the data, because headers may be wrong.

`reading.open_sound` opens a file. The other modules count what a file holds without decoding it: `chunks`
and `headers` for WAV and similar formats, `mpeg` for MP3, `flac`, `ogg` and `opus`. libsndfile does all the
decoding.

Two decoders that read to the end of the data by themselves were considered: miniaudio (MIT, 0.6 MB, no wheel
for Linux on ARM) and PyAV (FFmpeg, 18 to 40 MB, partly GPL). Both read an MP3 file without a length and a
live FLAC stream whole, but neither reports whether a recording is complete or cut off, so the frames would
have to be counted all the same. Once they are counted, libsndfile reads these files too: it gets a view of
the file with the counted length in its header.

An MP3 encoder puts 0.03 to 0.1 s of silence before the sound, and fills up its last frame. Where a LAME
header gives both lengths, they are cut off. Without one they stay, and times of words are late by that much.
"""
