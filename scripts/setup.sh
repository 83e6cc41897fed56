# shellcheck shell=bash
# Sourced by bench, test and .ci/run: installs what is missing and builds.
#
#   setup_install NEED...                  installs those needs of the table below that are not there
#   setup_build TARGET PRESET [CMAKE_OPTION...]   builds in build/PRESET
#
# Messages go to stderr. Exit status 2: it cannot install or build here, and says what to do.
# ATTNBENCH_NO_INSTALL=1 installs nothing and builds with what is there (a cluster's modules, say).
# It runs with the bash 3.2 of macOS: no associative arrays, no mapfile, no bare empty arrays.

setup_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# A need, how to see that it is there (setup_has), and its packages, joined by commas, for each
# manager; "-": the system brings it, or the manager lacks it. The apt column is tried on a bare
# Debian 12; the others follow the distributions' package indexes.
setup_table='
need         probe                apt                 dnf                 zypper              pacman             brew
cc           cmd:cc               gcc,libc6-dev       gcc,glibc-devel     gcc,glibc-devel     gcc                -
cmake        cmd:cmake            cmake               cmake               cmake               cmake              cmake
ninja        cmd:ninja            ninja-build         ninja-build         ninja               ninja              ninja
cl-headers   header:CL/cl.h       opencl-headers      opencl-headers      opencl-headers      opencl-headers     opencl-headers
cl-loader    lib:OpenCL           ocl-icd-opencl-dev  ocl-icd-devel       ocl-icd-devel       ocl-icd            opencl-icd-loader
cjson        header:cjson/cJSON.h libcjson-dev        cjson-devel         cJSON-devel         cjson              cjson
clblast      header:clblast_c.h   libclblast-dev      clblast-devel       -                   clblast            clblast
sqlite       header:sqlite3.h     libsqlite3-dev      sqlite-devel        sqlite3-devel       sqlite             sqlite
chart-js     file:/usr/share/javascript/chart.js/chart.min.js libjs-chart.js - - - -
cpu-driver   icd:pocl             pocl-opencl-icd     pocl                pocl                pocl               pocl
cmocka       header:cmocka.h      libcmocka-dev       libcmocka-devel     libcmocka-devel     cmocka             cmocka
python       cmd:python3          python3             python3             python3             python             python
jsonschema   python:jsonschema    python3-jsonschema  python3-jsonschema  python3-jsonschema  python-jsonschema  -
numpy        python:numpy         python3-numpy       python3-numpy       python3-numpy       python-numpy       numpy
sqlite-shell cmd:sqlite3          sqlite3             sqlite              sqlite3             sqlite             sqlite
gbench       file:/usr/share/benchmark/compare.py libbenchmark-tools - - - -
scipy        python:scipy         python3-scipy       python3-scipy       python3-scipy       python-scipy       scipy
chromium     cmd:chromium         chromium            chromium            chromium            chromium           -
chromedriver cmd:chromedriver     chromium-driver     chromedriver        chromedriver        chromium           -
npm          cmd:npm              npm                 nodejs-npm          npm-default         npm                node
openblas     lib:openblas         libopenblas-dev     openblas-devel      openblas-devel      openblas           openblas
man          cmd:man              man-db              man-db              man                 man-db             -
mandoc       cmd:mandoc           mandoc              mandoc              mandoc              mandoc             mandoc
bash-compl   file:/usr/share/bash-completion/bash_completion bash-completion bash-completion bash-completion bash-completion -
zsh          cmd:zsh              zsh                 zsh                 zsh                 zsh                zsh
fish         cmd:fish             fish                fish                fish                fish               fish
debootstrap  cmd:debootstrap      debootstrap         debootstrap         debootstrap         debootstrap        -
lintian      cmd:lintian          lintian             -                   -                   -                  -
dpkg-dev     cmd:dpkg-shlibdeps   dpkg-dev            dpkg-dev            -                   dpkg               dpkg
file         cmd:file             file                file                file                file               file-formula
clang        cmd:clang            clang               clang               clang               clang              llvm
clang-rt     fuzzer:clang         libclang-rt-dev     compiler-rt         clang               compiler-rt        -
omp          clang:omp.h          libomp-dev          libomp-devel        libomp-devel        openmp             libomp
clang-tidy   cmd:clang-tidy       clang-tidy          clang-tools-extra   clang-tools         clang              llvm
clang-format cmd:clang-format     clang-format        clang-tools-extra   clang-tools         clang              clang-format
shellcheck   cmd:shellcheck       shellcheck          ShellCheck          ShellCheck          shellcheck         shellcheck
'
setup_build_needs=(cc cmake ninja cl-headers cl-loader cjson clblast sqlite chart-js)
# shellcheck disable=SC2034 # for scripts/test and .ci/run
setup_test_needs=("${setup_build_needs[@]}" cpu-driver cmocka python jsonschema numpy sqlite-shell
    gbench scipy man mandoc bash-compl zsh fish chromium chromedriver npm)
# Without these the program builds, and the tests skip what needs them.
setup_optional=' clblast sqlite chart-js jsonschema numpy sqlite-shell gbench scipy man mandoc '
setup_optional+='bash-compl zsh fish chromium chromedriver npm '

setup_say() {
    echo "${0##*/}: $*" >&2
}

setup_manager() {
    local manager
    for manager in apt:apt-get dnf:dnf zypper:zypper pacman:pacman brew:brew; do
        if command -v "${manager#*:}" > /dev/null; then
            echo "${manager%%:*}"
            return
        fi
    done
}

# Is it there? Headers and libraries are asked of the compiler, so that CPATH and the like count.
setup_has() {
    local name=${1#*:} brew=${HOMEBREW_PREFIX:-/opt/homebrew}
    case $1 in
        cmd:*) command -v "$name" > /dev/null ;;
        file:*) [[ -e $name ]] ;;
        header:*) [[ -f $brew/include/$name ]] ||
            echo "#include <$name>" | "${CC:-cc}" -E -x c - > /dev/null 2>&1 ;;
        lib:*) compgen -G "$brew/lib/lib$name.*" > /dev/null ||
            [[ $("${CC:-cc}" -print-file-name="lib$name.so" 2> /dev/null) == */* ]] ;;
        clang:*) echo "#include <$name>" | clang -E -x c - > /dev/null 2>&1 ;;
        fuzzer:*) compgen -G "$(clang -print-resource-dir 2> /dev/null)/lib/*/libclang_rt.fuzzer*" \
            > /dev/null ;;
        python:*) PATH=/usr/bin:$PATH python3 -c "import $name" 2> /dev/null ;;
        icd:*) compgen -G "/etc/OpenCL/vendors/*$name*" > /dev/null ||
            compgen -G "$brew/etc/OpenCL/vendors/*$name*" > /dev/null ;;
        *) return 1 ;;
    esac
}

# "PROBE PACKAGES" of need $1 for manager $2.
setup_find() {
    awk -v need="$1" -v manager="$2" '
        $1 == "need" { for (i = 3; i <= NF; ++i) if ($i == manager) column = i }
        $1 == need { print $2, $column }' <<< "$setup_table"
}

setup_command() {
    case $1 in
        apt) echo "apt-get install -y --no-install-recommends" ;;
        dnf) echo "dnf install -y" ;;
        zypper) echo "zypper --non-interactive install --no-recommends" ;;
        pacman) echo "pacman -S --needed --noconfirm" ;;
        brew) echo "brew install" ;;
        *) return 1 ;;
    esac
}

# setup_packages MANAGER PACKAGE...
setup_packages() {
    local manager=$1 command sudo=
    shift
    command="$(setup_command "$manager") $*"
    if [[ $manager != brew && $(id -u) -ne 0 ]]; then
        sudo="sudo "
        if ! command -v sudo > /dev/null || ! { [[ -t 0 ]] || sudo -n true 2> /dev/null; }; then
            setup_say "this needs root and there is no sudo to ask; as root, run"
            if [[ $manager == apt ]]; then command="apt-get update && $command"; fi
            echo "    $command" >&2
            setup_say "and start again; or set ATTNBENCH_NO_INSTALL=1 to build with what is there"
            exit 2
        fi
    fi
    setup_say "installing: $sudo$command"
    if [[ $manager == apt ]]; then
        if [[ -z ${setup_updated:-} ]]; then
            ${sudo:+sudo} apt-get update -q >&2 || return 1
            setup_updated=1
        fi
        command="env DEBIAN_FRONTEND=noninteractive $command"
    fi
    # shellcheck disable=SC2086 # a command in words
    ${sudo:+sudo} $command >&2
}

setup_install() {
    local manager need probe packages words missing=() optional=()
    if [[ -n ${ATTNBENCH_NO_INSTALL:-} ]]; then
        return
    fi
    manager=$(setup_manager)
    for need in "$@"; do
        read -r probe packages <<< "$(setup_find "$need" "${manager:-apt}")"
        if setup_has "$probe"; then
            continue
        fi
        IFS=, read -r -a words <<< "$packages"
        if [[ $packages == - ]]; then
            setup_say "$need is not there, and $manager has no package for it"
        elif [[ $setup_optional == *" $need "* ]]; then
            optional+=("${words[@]}")
        else
            missing+=("${words[@]}")
        fi
    done
    if [[ -z $manager && ${#missing[@]} -gt 0 ]]; then
        setup_say "found none of the package managers apt-get, dnf, zypper, pacman, brew;" \
            "please install what Debian calls: ${missing[*]} ${optional[*]-}"
        exit 2
    fi
    if [[ ${#missing[@]} -gt 0 ]] && ! setup_packages "$manager" "${missing[@]}"; then
        setup_say "installing failed, see above"
        exit 2
    fi
    # One by one, as a distribution may lack one of them; in a subshell, as it may exit.
    for packages in ${optional[@]+"${optional[@]}"}; do
        if [[ -z $manager ]] || ! (setup_packages "$manager" "$packages"); then
            setup_say "going on without $packages"
        fi
    done
}

# Its output is shown only when it fails.
setup_build() {
    local target=$1 preset=$2 log
    shift 2
    log=$(mktemp)
    setup_say "building in $setup_root/build/$preset"
    if ! (cd "$setup_root" && cmake --preset "$preset" "$@" &&
        cmake --build --preset "$preset" --target "$target") > "$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        setup_say "the build failed, see above"
        exit 2
    fi
    rm -f "$log"
}

# The comment at the top of the calling script.
setup_help() {
    awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"
}
