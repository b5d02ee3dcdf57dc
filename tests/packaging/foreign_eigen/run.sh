# run.sh COMPILER FLAG...: both files with several flags each, linked in both orders.
set -e
here=$(dirname "$0")
compiler=$1
shift
compile() {
    output=$1 file=$2
    shift 2
    "$compiler" -std=c++20 "$@" -c "$here/$file" -o "$output"
}
compile app_plain.o application.cpp -O0 "$@"
compile app_native.o application.cpp -O2 -march=native "$@"
compile ours_plain.o main.cpp -O1 -DEIGEN_DEFAULT_DENSE_INDEX_TYPE=int "$@"
compile ours_native.o main.cpp -O2 -march=native -mtune=generic "$@"
for app in app_plain.o app_native.o; do
    for ours in ours_plain.o ours_native.o; do
        for objects in "$app $ours" "$ours $app"; do
            echo "$objects"
            if "$compiler" $objects -pthread -o foreign_eigen; then ./foreign_eigen; fi
        done
    done
done
