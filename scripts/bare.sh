# shellcheck shell=bash
# Sourced by bench for --bare: a Linux host that has a C compiler, CMake and an OpenCL driver, and
# neither root nor a network nor packages. What the build needs besides comes from the system, from
# a vendor's toolkit, or from a folder of unpacked packages (--deps).
#
#   bare_main OPTION...   builds and runs; returns the exit status
#
# Like setup.sh, which bench sources first, it runs with bash 3.2.

# A need: CMake's name for it, its header and library, and the packages that hold them. CLBlast is
# optional. The apt column is tried on Debian 12; the other one follows the package indexes.
bare_table='
need       cmake   header        library apt                        dnf
cl-headers OpenCL  CL/cl.h       -       opencl-c-headers           opencl-headers
cl-loader  OpenCL  -             OpenCL  ocl-icd-libopencl1         ocl-icd
cjson      CJSON   cjson/cJSON.h cjson   libcjson-dev,libcjson1     cjson-devel,cjson
clblast    CLBLAST clblast_c.h   clblast libclblast-dev,libclblast1 clblast-devel,clblast
'
# Where vendors' toolkits keep headers and a loader.
bare_toolkits=(/usr/local/cuda /usr/local/cuda/targets/x86_64-linux
    /usr/local/cuda/targets/sbsa-linux /opt/rocm /opt/rocm/opencl)
# Drivers, and where a container may have them from its host without anybody having registered them.
bare_drivers=(libnvidia-opencl.so.1 libamdocl64.so libigdrcl.so)
bare_driver_folders=(/usr/local/nvidia/lib64 /usr/local/nvidia/lib /usr/lib64 /usr/lib
    /usr/lib/x86_64-linux-gnu /usr/lib/aarch64-linux-gnu /usr/lib/x86_64-linux-gnu/intel-opencl
    /usr/lib64/intel-opencl /usr/lib/wsl/lib /opt/rocm/lib /opt/rocm/opencl/lib)

bare_folder=${setup_root:?}/build/bare
bare_lib=$bare_folder/lib # links to the libraries that were found, by the names a linker wants
bare_deps=''

# ---- what is there

# The folder in which $1 is a header ("CL/cl.h").
bare_find_header() {
    local found='' toolkit
    if [[ -n $bare_deps ]]; then
        found=$(find "$bare_deps" -path "*/$1" | sort | sed -n 1p)
    fi
    if [[ -z $found ]]; then # -M lists the files that the compiler reads
        found=$(echo "#include <$1>" | "${CC:-cc}" -M -x c - 2> /dev/null | tr ' ' '\n' |
            grep "^/.*/$1\$" | sed -n 1p) || found=''
    fi
    for toolkit in "${bare_toolkits[@]}"; do
        if [[ -z $found && -f $toolkit/include/$1 ]]; then
            found=$toolkit/include/$1
        fi
    done
    [[ -n $found ]] && echo "${found%/"$1"}"
}

bare_ldconfig() { # /sbin is not on everybody's path
    PATH=$PATH:/usr/sbin:/sbin ldconfig -p 2> /dev/null || true
}

# Files that may be library $1, best first. Development packages, which add a link, are not needed.
bare_list_libraries() {
    local toolkit
    if [[ -n $bare_deps ]]; then
        find "$bare_deps" -name "lib$1.so*" ! -name '*.gz' | sort -r
    fi
    "${CC:-cc}" -print-file-name="lib$1.so" 2> /dev/null | grep / || true
    bare_ldconfig | awk -v name="lib$1.so" 'index($1, name) == 1 { print $NF }'
    for toolkit in "${bare_toolkits[@]}"; do
        compgen -G "$toolkit/lib*/lib$1.so*" || true
    done
}

# Links file $2 into bare_lib as library $1, if a program linked with it starts: it may be a broken
# link, for another processor, or want a newer C library.
bare_take_library() {
    local version=${2##*/} path
    version=${version#"lib$1.so"}
    version=${version#.}
    version=${version%%.*}
    path=$(cd "$(dirname "$2")" && pwd)/${2##*/}
    mkdir -p "$bare_lib"
    rm -f "$bare_lib/lib$1.so"*
    ln -s "$path" "$bare_lib/lib$1.so"
    ln -s "$path" "$bare_lib/lib$1.so.${version:-1}"
    if echo 'int main(void) { return 0; }' |
        "${CC:-cc}" -x c - -o "$bare_folder/starts" -L"$bare_lib" -Wl,--no-as-needed -l"$1" \
            -Wl,-rpath-link,"$bare_lib" > "$bare_folder/starts.log" 2>&1 &&
        LD_LIBRARY_PATH=$bare_lib:${LD_LIBRARY_PATH:-} "$bare_folder/starts" \
            >> "$bare_folder/starts.log" 2>&1; then
        return
    fi
    rm -f "$bare_lib/lib$1.so"*
    setup_say "$2 is no library for programs here: $(sed -n 1p "$bare_folder/starts.log")"
    return 1
}

bare_find_library() {
    local file
    while IFS= read -r file; do
        if [[ -f $file ]] && bare_take_library "$1" "$file"; then
            return
        fi
    done <<< "$(bare_list_libraries "$1")"
    return 1
}

# Fills bare_options (CMake's) and bare_missing (needs that are nowhere).
bare_find_needs() {
    local need cmake header library folder
    bare_options=() bare_missing=()
    rm -rf "$bare_lib"
    while read -r need cmake header library _; do
        if [[ -z $need || $need == need ]]; then
            continue
        fi
        if [[ $header != - ]] && ! folder=$(bare_find_header "$header"); then
            bare_missing+=("$need")
        elif [[ $library != - ]] && ! bare_find_library "$library"; then
            bare_missing+=("$need")
        fi
        if [[ $header != - ]]; then
            bare_options+=("-D${cmake}_INCLUDE_DIR=${folder:-OFF}")
        fi
        if [[ $library != - && -e $bare_lib/lib$library.so ]]; then
            bare_options+=("-D${cmake}_LIBRARY=$bare_lib/lib$library.so")
        elif [[ $library != - ]]; then # not what CMake would find: it does not work
            bare_options+=("-D${cmake}_LIBRARY=OFF")
        fi
    done <<< "$bare_table"
}

# ---- what is not there

# The package manager and the name of the distribution that os-release file $1 speaks of.
bare_distribution() (
    ID='' ID_LIKE='' PRETTY_NAME='' # a subshell, as the file sets many more
    # shellcheck disable=SC1090
    if [[ -f $1 ]]; then . "$1"; fi
    case " $ID $ID_LIKE " in
        *" fedora "* | *" rhel "*) echo "dnf $PRETTY_NAME" ;;
        *" debian "*) echo "apt $PRETTY_NAME" ;;
        *) echo "apt a Debian that is no newer" ;;
    esac
)

# The command that fills the folder deps with needs $2... by package manager $1.
bare_command() {
    local manager=$1 packages fetch unpack
    shift
    packages=$(awk -v needs=" $* " -v manager="$manager" '
        $1 == "need" { for (i = 5; i <= NF; ++i) if ($i == manager) column = i; next }
        NF && index(needs, " " $1 " ") { gsub(",", " ", $column); printf "%s ", $column }
        ' <<< "$bare_table")
    # shellcheck disable=SC2016 # for the reader's shell
    case $manager in
        apt) fetch='apt-get download' unpack='for p in *.deb; do dpkg -x "$p" .; done' ;;
        dnf) fetch='dnf download' unpack='for p in *.rpm; do rpm2cpio "$p" | cpio -idm; done' ;;
        *) return 1 ;;
    esac
    echo "mkdir -p deps && (cd deps && $fetch $packages&& $unpack)"
}

bare_advise() {
    local manager distribution
    read -r manager distribution <<< "$(bare_distribution /etc/os-release)"
    setup_say "$* missing: on any machine with a network, $distribution and $(uname -m), run"
    echo "    $(bare_command "$manager" "$@")" >&2
    if [[ $manager == apt ]]; then
        setup_say "(after apt-get update, where nothing was ever installed)"
    fi
    setup_say "then copy the folder deps here, and run"
    echo "    scripts/bench --bare --deps deps" >&2
}

bare_need_tools() {
    local missing=''
    command -v "${CC:-cc}" > /dev/null || missing+=", a C compiler (cc, or what CC names)"
    command -v cmake > /dev/null || missing+=", cmake"
    command -v ninja > /dev/null || command -v make > /dev/null || missing+=", make or ninja"
    if [[ -n $missing ]]; then
        setup_say "not on the path: ${missing#, }; --bare does without the rest, but not these"
        return 2
    fi
}

bare_build() {
    local generator=()
    if command -v ninja > /dev/null && [[ ! -f $bare_folder/CMakeCache.txt ]]; then
        generator=(-G Ninja)
    fi
    setup_say "building in $bare_folder"
    cmake -S "$setup_root" -B "$bare_folder" ${generator[@]+"${generator[@]}"} \
        -DCMAKE_BUILD_TYPE=Release -DATTNBENCH_TESTS=OFF "${bare_options[@]}" &&
        cmake --build "$bare_folder" --target attnbench --parallel "$(getconf _NPROCESSORS_ONLN)"
}

# ---- the driver

# The file of driver $1, which is in the loader's cache or one of folders $2...
bare_find_driver() {
    local name=$1 folder
    shift
    bare_ldconfig | awk -v name="$name" '$1 == name { print $NF }' | sed -n 1p | grep . && return
    for folder in "$@"; do
        if [[ -f $folder/$name ]]; then
            echo "$folder/$name"
            return
        fi
    done
    return 1
}

# If there are drivers in folders $3... that no .icd file of folder $1 names, makes folder $2 with
# files for all of them. Status 1: there are none.
bare_register() {
    local registered=$1 out=$2 name file found=''
    shift 2
    rm -rf "$out"
    for name in "${bare_drivers[@]}"; do
        if ! grep -qsF "$name" "$registered"/*.icd &&
            file=$(bare_find_driver "$name" "$@"); then
            mkdir -p "$out"
            echo "$file" > "$out/$name.icd"
            found=1
            setup_say "no .icd file in $registered names the driver $file: using $out"
        fi
    done
    [[ -n $found ]] || return 1
    cp "$registered"/*.icd "$out" 2> /dev/null || true
}

# A driver that the loader's cache lacks loads libraries of its own from its folder.
bare_export_driver() {
    local out=$bare_folder/vendors file
    if [[ -n ${OCL_ICD_VENDORS:-}${OCL_ICD_FILENAMES:-} ]] ||
        ! bare_register /etc/OpenCL/vendors "$out" "${bare_driver_folders[@]}"; then
        return 0
    fi
    export OCL_ICD_VENDORS=$out
    for file in "$out"/lib*.icd; do
        file=$(cat "$file")
        if ! bare_ldconfig | grep -qF "${file%/*}/"; then
            export LD_LIBRARY_PATH=${file%/*}${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
        fi
    done
}

# ---- the run

# What a reader of the log, who has no access to the host, will want to know.
bare_describe() {
    date -u
    uname -a
    "${CC:-cc}" --version | sed -n 1p
    cmake --version | sed -n 1p
    printf '%s\n' "${bare_options[@]}" "OCL_ICD_VENDORS=${OCL_ICD_VENDORS:-}"
    ldd "$attnbench" || true
    nvidia-smi 2> /dev/null || true
}

# bare_stage NAME COMMAND...: runs it, reports it, and keeps the worst status in bare_status.
bare_stage() {
    local name=$1 status=0 order=' 0 3 1 4 5 6 2 ' # some cells failed, a wrong result, did not run
    local began=$SECONDS worst now
    shift
    setup_say "$name: $*"
    "$@" || status=$?
    setup_say "$name ended with status $status after $((SECONDS - began)) s"
    if [[ $status -eq 130 ]]; then
        exit 130
    fi
    worst=${order%%" $bare_status "*} now=${order%%" $status "*} # longer: worse; unknown: longest
    if [[ ${#now} -gt ${#worst} ]]; then
        bare_status=$status
    fi
    return 0
}

# Percent $1 of the seconds that are left, at least 10, as an option's value.
bare_share() {
    local share=$(((60 * bare_minutes - SECONDS) * $1 / 100))
    echo "$((share > 10 ? share : 10))s"
}

# The devices without peaks stay when a driver fails at measuring them.
bare_peaks() {
    local list=("$attnbench" devices --device "$bare_device" --json)
    "${list[@]}" > "$bare_out/devices.json" || return
    "${list[@]}" --peaks fresh > "$bare_folder/peaks.json" || return
    cp "$bare_folder/peaks.json" "$bare_out/devices.json"
}

bare_report() {
    local results=$bare_out/standard.json
    [[ -f $results ]] || results=$bare_out/quick.json
    "$attnbench" report "$results" --out "$bare_out/report.md"
}

# Each stage gets a part of what is left, so that one that ends early leaves its time to the others.
bare_run() {
    local device=(--device "$bare_device") tuning=()
    cd "$setup_root" || return # for short paths in results: of suites, of folders in the repository
    bare_out=${bare_out#"$setup_root"/}
    bare_status=0
    bare_describe
    bare_stage peaks bare_peaks
    bare_stage quick "$attnbench" run suites/quick.json "${device[@]}" \
        --budget "$(bare_share 15)" --out "$bare_out/quick.json"
    bare_stage tune "$attnbench" tune suites/standard.json "${device[@]}" \
        --budget "$(bare_share 30)" --out "$bare_out/tuning.json"
    if [[ -f $bare_out/tuning.json ]]; then
        tuning=(--tuning "$bare_out/tuning.json")
    fi
    bare_stage standard "$attnbench" run suites/standard.json "${device[@]}" \
        ${tuning[@]+"${tuning[@]}"} \
        --budget "$(bare_share 95)" --out "$bare_out/standard.json"
    bare_stage report bare_report
    setup_say "after $SECONDS s, in $bare_out: $(cd "$bare_out" && echo *)"
    return "$bare_status"
}

bare_parse() {
    local option value
    bare_deps='' bare_out='' bare_device='' bare_minutes=8
    while [[ $# -gt 0 ]]; do
        case $1 in
            --bare) shift && continue ;;
            --*=*) option=${1%%=*} value=${1#*=} ;;
            *) option=$1 value=${2:-} && shift $(($# > 1)) ;;
        esac
        shift
        case $option in
            --deps) bare_deps=$value ;;
            --out) bare_out=$value ;;
            --device) bare_device=$value ;;
            --minutes) bare_minutes=$value ;;
            *)
                setup_say "--bare goes with --deps DIR, --out DIR, --device D and --minutes N," \
                    "not with '$option'"
                return 2
                ;;
        esac
        if [[ -z $value ]]; then
            setup_say "$option needs a value"
            return 2
        fi
    done
    if [[ ! $bare_minutes =~ ^[1-9][0-9]{0,3}$ ]]; then
        setup_say "--minutes: expected a whole number from 1, found '$bare_minutes'"
        return 2
    fi
    bare_out=${bare_out:-$setup_root/results/local/bare--$(date -u +%Y%m%dT%H%M%SZ)}
    if [[ -e $bare_out/log.txt ]]; then
        setup_say "--out: '$bare_out' holds a run already"
        return 2
    fi
    if [[ -n $bare_deps ]] && ! bare_deps=$(cd "$bare_deps" && pwd); then
        setup_say "--deps: going on without it"
    fi
}

# The id of the device to measure; status 4 and what to do if there is none.
bare_choose_device() {
    local status=0
    "$attnbench" devices ${bare_device:+--device "$bare_device"} > "$bare_folder/devices" || status=$?
    if [[ $status -eq 0 ]]; then
        bare_device=$(awk '/^[^ ]/ && (!id || / \(default\)$/) { id = $1 } END { print id }' \
            "$bare_folder/devices")
    elif [[ $status -eq 4 ]]; then
        setup_say "no driver answers; where a container has one from its host, its folder belongs" \
            "into LD_LIBRARY_PATH"
    fi
    return "$status"
}

bare_build_and_run() {
    bare_export_driver
    if ! bare_build > "$bare_folder/build.log" 2>&1; then
        cat "$bare_folder/build.log"
        setup_say "the build failed, see above"
        return 2
    fi
    attnbench=$bare_folder/attnbench
    bare_choose_device && bare_run
}

bare_main() {
    local need required=''
    bare_parse "$@" && bare_need_tools && bare_find_needs || return
    for need in ${bare_missing[@]+"${bare_missing[@]}"}; do
        if [[ $need != clblast ]]; then required=1; fi
    done
    if [[ -n $required ]]; then
        bare_advise "${bare_missing[@]}"
        return 2
    elif [[ ${#bare_missing[@]} -gt 0 ]]; then
        setup_say "going on without CLBlast, the baseline"
        bare_advise "${bare_missing[@]}"
    fi
    mkdir -p "$bare_out" && bare_out=$(cd "$bare_out" && pwd) || return
    bare_build_and_run 2>&1 | tee -i "$bare_out/log.txt" # -i: Ctrl-C is for the run
}
