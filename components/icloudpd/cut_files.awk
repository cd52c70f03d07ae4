# Prints the files that were fetched and are not whole: of a photo whose file has another size, a look misses PATH-SIZE.EXT.
#
# The input is what `log.awk` keeps of each path before it is fetched; there a long path is shortened in its middle.
#
# wanted  the file of paths that a look would fetch

$1 == "path" {
    path = substr($0, 6)
    fetched[path]
    if (at = index(path, "...")) shortened[path] = at
}
END {
    while ((getline path <wanted) > 0) {
        if (!match(path, /-[0-9]+[.][^.\/]*$/)) continue
        suffix = substr(path, RSTART)
        sub(/^-[0-9]+/, "", suffix)
        path = substr(path, 1, RSTART - 1) suffix
        if (was_fetched(path)) print path
    }
}

function was_fetched(path,    short, at, tail) {
    if (path in fetched) return 1
    for (short in shortened) {
        at = shortened[short]
        tail = substr(short, at + 3)
        if (substr(path, 1, at - 1) tail == substr(short, 1, at - 1) substr(path, length(path) - length(tail) + 1)) return 1
    }
    return 0
}
