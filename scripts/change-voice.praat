# Another voice by overlap and add (PSOLA): formants and median pitch by these factors.
form Change a voice
	sentence in
	sentence out
	real formants 1.15
	real pitch 1.3
endform
Read from file: in$
noprogress To Pitch: 0, 75, 500
median = Get quantile: 0, 0, 0.5, "Hertz"
if median = undefined
	median = 150
endif
selectObject: 1
noprogress Change gender: 75, 500, formants, median * pitch, 1, 1
Save as WAV file: out$
