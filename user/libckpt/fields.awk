# SPDX-License-Identifier: GPL-2.0-only
#
# awk -f fields.awk ckpt_image.h > fields.def
#
# The members of each structure of the image, for compare.c to name them: one
# row each, F(structure, member, element) for a field, A() for an array and T()
# for one of variable length; the element is S(structure) for structures, C for
# char and N for numbers.  h and csum, with which each record begins, are left
# out.

BEGIN {
	print "/* SPDX-License-Identifier: GPL-2.0-only */"
	print "/* Made by fields.awk from ckpt_image.h: the members of its structures. */"
}

# Comments, also those of several lines.
function uncommented(line) {
	if (in_comment) {
		if (!sub(/.*\*\//, "", line))
			return ""
		in_comment = 0
	}
	gsub(/\/\*([^*]|\*[^\/])*\*\//, "", line)
	if (sub(/\/\*.*/, "", line))
		in_comment = 1
	return line
}

function members(line,	word, n, i, element, kind) {
	body = body " " line
	if (line !~ /;[ \t]*$/)
		return
	sub(/;[ \t]*$/, "", body)
	n = split(body, word, " ")
	body = ""
	i = 2
	element = word[1] == "char" ? "C" : "N"
	if (word[1] == "struct") {
		element = "S(" word[2] ")"
		i = 3
	}
	for (; i <= n; i++) {
		kind = word[i] ~ /\[\]/ ? "T(" : word[i] ~ /\[/ ? "A(" : "F("
		sub(/[[,].*/, "", word[i])
		if (word[i] != "h" && word[i] != "csum")
			print kind name ", " word[i] ", " element ")"
	}
}

function read(line,	word) {
	line = uncommented(line)
	if (line ~ /^struct ckpt_[a-z_]+ \{/) {
		split(line, word, " ")
		name = word[2]
		return
	}
	if (line ~ /^\};/)
		name = ""
	if (name != "" && name != "ckpt_hdr")
		members(line)
}

# The other families are beside it.
/^#include <linux\/ckpt_image_/ {
	file = FILENAME
	sub(/[^\/]*$/, "", file)
	match($2, /ckpt_image_[a-z]*\.h/)
	file = file substr($2, RSTART, RLENGTH)
	while ((got = (getline line < file)) > 0)
		read(line)
	if (got < 0) {
		print "cannot read " file >"/dev/stderr"
		exit 1
	}
	next
}

{
	read($0)
}
