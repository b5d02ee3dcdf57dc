# Checks that every relative link of markdown files leads to a file, and to a heading where it names one:
# awk -f links.awk README.md docs/faq.md ... , from the root of the project. Prints what does not, and fails.
function normal(path,    parts, n, i, kept, out) {
    n = split(path, parts, "/")
    kept = 0
    for (i = 1; i <= n; ++i) {
        if (parts[i] == "" || parts[i] == ".") continue
        if (parts[i] == ".." && kept > 0) --kept
        else stack[++kept] = parts[i]
    }
    out = ""
    for (i = 1; i <= kept; ++i) out = out (i > 1 ? "/" : "") stack[i]
    return out
}
# The name that GitHub gives to a heading.
function anchor(heading) {
    gsub(/\[/, "", heading)
    gsub(/\]\([^)]*\)/, "", heading)
    heading = tolower(heading)
    gsub(/[^a-z0-9 _-]/, "", heading)
    gsub(/ /, "-", heading)
    return heading
}
function exists(path) { return system("test -e '" path "'") == 0 }
FNR == 1 {
    fenced = 0
    read[normal(FILENAME)] = 1
    folder = FILENAME
    if (!sub(/[^\/]*$/, "", folder)) folder = ""
}
/^ *```/ { fenced = !fenced; next }
fenced { next }
/^#+ / {
    heading = $0
    sub(/^#+ /, "", heading)
    heading = anchor(heading)
    key = normal(FILENAME) "#" heading
    while (key in anchors) key = normal(FILENAME) "#" heading "-" ++again[normal(FILENAME) "#" heading]
    anchors[key] = 1
}
{
    line = $0
    gsub(/`[^`]*`/, "", line)
    while (match(line, /\]\([^)]*\)/)) {
        target = substr(line, RSTART + 2, RLENGTH - 3)
        line = substr(line, RSTART + RLENGTH)
        if (target ~ /^[a-z]+:/) continue
        ++links
        where[links] = FILENAME ":" FNR
        wanted[links] = target
        path = target
        sub(/#.*/, "", path)
        file[links] = path == "" ? normal(FILENAME) : normal(folder path)
        name[links] = target ~ /#/ ? substr(target, index(target, "#") + 1) : ""
    }
}
END {
    for (i = 1; i <= links; ++i) {
        if (!(file[i] in seen)) seen[file[i]] = exists(file[i])
        if (!seen[file[i]]) {
            print where[i] ": no file " wanted[i]
            ++broken
        } else if (name[i] != "" && (file[i] in read) && !((file[i] "#" name[i]) in anchors)) {
            print where[i] ": no heading " wanted[i]
            ++broken
        } else if (name[i] != "" && !(file[i] in read)) {
            print where[i] ": not among the checked files: " wanted[i]
            ++broken
        }
    }
    print links " links, " broken + 0 " broken"
    exit broken > 0 || links == 0
}
