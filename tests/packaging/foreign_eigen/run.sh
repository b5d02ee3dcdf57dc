# run.sh COMPILER FLAG...: each file with several flags, linked in both orders: every program must link and run. Of two
# Eigen functions of one name the linker keeps the first, so our files must have none of them.
set -e
here=$(dirname "$0")
compiler=$1
shift
compile() {
    output=$1 file=$2
    shift 2
    "$compiler" -std=c++20 "$@" -c "$here/$file" -o "$output"
}
compile app_o0.o application.cpp -O0 "$@"
compile app_o2.o application.cpp -O2 "$@"
compile app_native.o application.cpp -O2 -march=native "$@"
compile ours_o0.o main.cpp -O0 -DEIGEN_DEFAULT_DENSE_INDEX_TYPE=int "$@"
compile ours_native.o main.cpp -O2 -march=native -mtune=generic "$@"
for ours in ours_o0.o ours_native.o; do
    if nm -C "$ours" | grep -E ' [WVuT] (void )?Eigen::'; then echo "$ours has functions of Eigen" && exit 1; fi
    for app in app_o0.o app_o2.o app_native.o; do
        for objects in "$app $ours" "$ours $app"; do
            echo "$objects"
            "$compiler" $objects -pthread -o foreign_eigen
            ./foreign_eigen
        done
    done
done
