#!/usr/bin/env bash
# Runs models on the NVIDIA GPU of this machine, with the kernels of each generation
# that it can run, and compares logits with a reference: of the shipped model, whose
# loss on a held-out text, too, and,
# of synthetic ones whose shapes are none of its, with the exact path on this CPU.
#   scripts/test-gpu.sh                   compiles the programs with BUILD_DIR/bin/mxfp4
#   scripts/test-gpu.sh FOLDER            takes them from FOLDER; needs no LLVM here
#   scripts/test-gpu.sh --compile FOLDER  makes FOLDER, on any machine
# BUILD_DIR: build folder (build), with bin/mxfp4-run. If compute-sanitizer is on the
# PATH, memcheck and racecheck run as well.
case "${1:-}" in -h | --help)
  sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"
  exit
  ;;
esac
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD_DIR:=build}"
model=models/tiny-shakespeare

# Gives some blocks of zeros in a file scales that kernels have code of their own for.
add_large_scales() {
  python3 - "$1" <<'PYTHON'
import json, struct, sys
file = open(sys.argv[1], "r+b")
size, = struct.unpack("<Q", file.read(8))
tensors = json.loads(file.read(size))
for name in tensors:
    if not name.endswith("_scales"):
        continue
    scales, blocks = (8 + size + tensors[name.removesuffix("scales") + part]
                      ["data_offsets"][0] for part in ("scales", "blocks"))
    begin, end = tensors[name]["data_offsets"]
    for block in range(5, end - begin, 37):
        file.seek(scales + block)
        file.write(bytes([200]))
        file.seek(blocks + 16 * block)
        file.write(bytes(16))
PYTHON
}

# Programs of the shipped model, and synthetic models with theirs: hidden size,
# intermediate size, vocabulary and heads, such that rows are an odd number of whole stages
# of the kernels for many tokens, or end within one. All experts are chosen, so that
# roundings choose no others. The last, of which several sequences are decoded, has so
# many heads that three blocks of a cluster multiply Q, K and V, and eight O
# (getStagedShape in lib/Conversion/Utils/LinearKernel.cpp).
make_programs() {
  local folder=$1 chip activations shape name
  mkdir -p "$folder"
  for chip in sm_75 sm_80 sm_90; do
    for activations in f32 f16 bf16; do
      "$BUILD_DIR/bin/mxfp4" compile $model --target "nvptx:$chip" \
        --activations $activations -o "$folder/$chip-$activations.program"
      "$BUILD_DIR/bin/mxfp4" compile $model --target "nvptx:$chip" --sequences 3 \
        --activations $activations -o "$folder/$chip-$activations.batch"
    done
  done
  for shape in "320 256 16512 4 2" "256 384 600 4 2" "768 96 1000 64 8"; do
    name=${shape// /-}
    python3 - $model/config.json $shape >"$folder/config.json" <<'PYTHON'
import json, sys
config = json.load(open(sys.argv[1]))
hidden, intermediate, vocabulary, heads, kv_heads = map(int, sys.argv[2:])
config.update(hidden_size=hidden, intermediate_size=intermediate, vocab_size=vocabulary,
              num_attention_heads=heads, num_key_value_heads=kv_heads,
              num_local_experts=4, num_hidden_layers=2,
              layer_types=config["layer_types"][:2], bos_token_id=0, eos_token_id=0,
              pad_token_id=0)
json.dump(config, sys.stdout)
PYTHON
    "$BUILD_DIR/bin/mxfp4" synth --config "$folder/config.json" -o "$folder/$name"
    [ "$name" != 256-384-600-4-2 ] || add_large_scales "$folder/$name/model.safetensors"
    "$BUILD_DIR/bin/mxfp4" compile "$folder/$name" --reference --target cpu:x86-64-v3 \
      -o "$folder/$name.reference"
    for chip in sm_80 sm_90; do
      "$BUILD_DIR/bin/mxfp4" compile "$folder/$name" --target "nvptx:$chip" \
        -o "$folder/$name.$chip"
      # Few sequences and more, with weights that have kernels for each.
      for sequences in 3 12 20 48; do
        [ "$name" != 768-96-1000-64-8 ] ||
          "$BUILD_DIR/bin/mxfp4" compile "$folder/$name" --target "nvptx:$chip" \
            --sequences $sequences -o "$folder/$name.batch-$sequences.$chip"
      done
    done
  done
  rm "$folder/config.json"
}

if [ "${1:-}" = --compile ]; then
  make_programs "$2"
  exit
fi
programs=${1:-}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if [ -z "$programs" ]; then
  programs=$folder/programs
  make_programs "$programs"
fi

# Compares logits: NAME FOUND EXPECTED LIMIT of the relative L2 error. What is found
# may be as expected several times over.
compare() {
  python3 - "$@" <<'PYTHON'
import array, json, math, struct, sys

def read(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    info = json.loads(data[8:8 + size])["logits"]
    begin, end = info["data_offsets"]
    values = array.array("f")
    values.frombytes(data[8 + size + begin:8 + size + end])
    return values, info["shape"][-1]

name, limit = sys.argv[1], float(sys.argv[4])
found, width = read(sys.argv[2])
expected, _ = read(sys.argv[3])
assert found and len(found) % len(expected) == 0, (len(found), len(expected))
expected *= len(found) // len(expected)
error = math.sqrt(math.fsum((a - b) ** 2 for a, b in zip(found, expected)) /
                  math.fsum(b * b for b in expected))
wrong = 0
for row in range(0, len(expected), width):
    top = sorted(range(width), key=lambda i: -expected[row + i])[:2]
    clear = expected[row + top[0]] - expected[row + top[1]] > 0.1
    best = max(range(width), key=lambda i: found[row + i])
    wrong += clear and best != top[0]
ok = error <= limit and wrong == 0
print(f"{'passed' if ok else 'FAILED'} {name}: relative L2 error {error:.2e} (at most "
      f"{limit:g}), {wrong} other arg max where the top two are 0.1 apart")
sys.exit(not ok)
PYTHON
}

# The ids of the reference, as a list.
python3 - $model/reference.safetensors >"$folder/ids" <<'PYTHON'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", data[:8])[0]
begin, end = json.loads(data[8:8 + size])["input_ids"]["data_offsets"]
ids = data[8 + size + begin:8 + size + end]
print(",".join(map(str, struct.unpack(f"<{len(ids) // 4}i", ids))))
PYTHON

# The same for each of three sequences.
cat "$folder/ids" "$folder/ids" "$folder/ids" >"$folder/ids-of-batch"

# What the reference library's own runs are off is 3.5e-3 (bf16) and 3.7e-4 (f16);
# f32 differs by the order of sums alone.
failed=0
ran=0
for program in "$programs"/*.program; do
  name=$(basename "$program" .program)
  if ! message=$("$BUILD_DIR/bin/mxfp4-run" "$program" $model --ids "@$folder/ids" \
    -o "$folder/$name.0" 2>&1); then
    case "$message" in
    *"compile the model for it"*) echo "skipped $name: $message" && continue ;;
    esac
    echo "FAILED $name: $message"
    failed=1
    continue
  fi
  ran=1
  for run in 1 2 3 4 5 6 7 8 9; do
    "$BUILD_DIR/bin/mxfp4-run" "$program" $model --ids "@$folder/ids" \
      -o "$folder/$name.$run" 2>/dev/null
    cmp -s "$folder/$name.0" "$folder/$name.$run" || {
      echo "FAILED $name: run $run gives other logits"
      failed=1
    }
  done
  case $name in *-f32) limit=1e-5 ;; *-f16) limit=1e-3 ;; *) limit=6e-3 ;; esac
  compare "$name" "$folder/$name.0" $model/reference.safetensors $limit || failed=1
  "$BUILD_DIR/bin/mxfp4-run" "$programs/$name.batch" $model --batch 3 \
    --ids "@$folder/ids-of-batch" -o "$folder/batch" &&
    compare "$name, three sequences" "$folder/batch" $model/reference.safetensors \
      $limit || failed=1
  # An independent implementation's loss in f32, and some times what the exact path
  # changes of it (docs/Numerics.md).
  case $name in *-f32) limit=1e-5 ;; *-f16) limit=1e-4 ;; *) limit=3e-4 ;; esac
  "$BUILD_DIR/bin/mxfp4-run" eval "$program" $model --text $model/heldout.txt \
    --window 256 --json >"$folder/loss" &&
    python3 - "$name" "$folder/loss" $model/training.json $limit <<'PYTHON' || failed=1
import json, sys
name, limit = sys.argv[1], float(sys.argv[4])
found = json.load(open(sys.argv[2]))["loss"]
expected = json.load(open(sys.argv[3]))["val_loss"]
ok = abs(found - expected) <= limit
print(f"{'passed' if ok else 'FAILED'} {name}: held-out loss {found:.6f}, expected "
      f"{expected:.6f} (within {limit:g})")
sys.exit(not ok)
PYTHON
  # The GPU chooses the tokens of a batch, too.
  "$BUILD_DIR/bin/mxfp4-run" bench "$programs/$name.batch" $model -p 0 -n 20 -r 1 \
    --batch 3 >"$folder/log" 2>&1 && grep -q "tg20 x3" "$folder/log" || {
    cat "$folder/log"
    echo "FAILED $name: bench of three sequences"
    failed=1
  }
  # The GPU chooses tokens, and with --top-k the CPU does by the same logits.
  for run in gpu cpu; do
    choose=()
    [ $run = gpu ] || choose=(--top-k 1)
    "$BUILD_DIR/bin/mxfp4-run" "$program" $model -p "First Citizen:" -n 40 \
      --temperature 0 "${choose[@]}" >"$folder/text.$run" 2>/dev/null
  done
  if cmp -s "$folder/text.gpu" "$folder/text.cpu"; then
    echo "passed $name: tokens chosen by the GPU"
  else
    echo "FAILED $name: the GPU chooses other tokens than the CPU"
    failed=1
  fi
  if command -v compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck; do
      compute-sanitizer --tool $tool --error-exitcode 1 "$BUILD_DIR/bin/mxfp4-run" \
        "$program" $model -p "First Citizen:" -n 2 --temperature 0 \
        >"$folder/log" 2>&1 && echo "passed $name: $tool" || {
        tail -n 20 "$folder/log"
        echo "FAILED $name: $tool"
        failed=1
      }
      compute-sanitizer --tool $tool --error-exitcode 1 "$BUILD_DIR/bin/mxfp4-run" \
        "$programs/$name.batch" $model --ids 1,2,3,4,5,6,7,8,9 --batch 3 \
        -o "$folder/batch" >"$folder/log" 2>&1 &&
        echo "passed $name: $tool, three sequences" || {
        tail -n 20 "$folder/log"
        echo "FAILED $name: $tool, three sequences"
        failed=1
      }
    done
  fi
done

# Of bf16 against f32, with the limit of the shipped model.
for reference in "$programs"/*.reference; do
  shape=${reference%.reference}
  for count in 3 20 40 200; do
    ids=$(python3 -c "print(','.join(str(i * 37 % 599) for i in range($count)))")
    "$BUILD_DIR/bin/mxfp4-run" "$reference" "$shape" --ids "$ids" -o "$folder/expected"
    for program in "$shape".sm_*; do
      name="$(basename "$program") with $count tokens"
      "$BUILD_DIR/bin/mxfp4-run" "$program" "$shape" --ids "$ids" -o "$folder/found" &&
        compare "$name" "$folder/found" "$folder/expected" 6e-3 || failed=1
    done
    [ $count = 40 ] || continue
    # The second half of one sequence, token by token.
    for program in "$shape".sm_*; do
      name="$(basename "$program"), decoded"
      "$BUILD_DIR/bin/mxfp4-run" "$program" "$shape" --ids "$ids" --batch 1 \
        -o "$folder/found" &&
        compare "$name" "$folder/found" "$folder/expected" 6e-3 || failed=1
    done
    for sequences in 3 12 20 48; do
      all=$(printf "$ids,%.0s" $(seq $sequences))
      for program in "$shape".batch-$sequences.sm_*; do
        [ -e "$program" ] || continue
        name="$(basename "$program") with $count tokens each"
        "$BUILD_DIR/bin/mxfp4-run" "$program" "$shape" --ids "$all" \
          --batch $sequences -o "$folder/found" &&
          compare "$name" "$folder/found" "$folder/expected" 6e-3 || failed=1
      done
    done
  done
done
[ $ran = 1 ] || { echo "FAILED: no program ran" && exit 1; }
exit $failed
