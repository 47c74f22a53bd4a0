/*
 * deploy/macos/Info.plist as the section of a program where macOS looks for it
 * when there is no bundle around: without its sentence about the microphone the
 * system ends who opens that. In a section and not in a bundle, since services
 * find each other and their models by where their programs lie. The path comes
 * from make (scripts/macos.mk), and the signature binds what is here.
 */
	.section __TEXT,__info_plist,regular,no_dead_strip
	.incbin VU_INFO_PLIST
