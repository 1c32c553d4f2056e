//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Text and lists of tokens as users give them.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Command/Input.h"

#include "mxfp4/Command/Logits.h"

#include "Support/TemporaryFolder.h"

#include <gtest/gtest.h>

using namespace mx;
using namespace mx::test;

using Ids = std::vector<int32_t>;

TEST(InputTest, LimitsText) {
  EXPECT_EQ(mx::readText("/dev/zero").error().message,
            "/dev/zero: expected at most 67108864 bytes of text, but there "
            "are more");
  EXPECT_FALSE(mx::readText("/"));
  EXPECT_EQ(mx::readText("/absent").error().message,
            "/absent: cannot open: No such file or directory");
}

TEST(InputTest, ParsesIds) {
  EXPECT_EQ(*parseIds(" 1 2\n30\t"), (Ids{1, 2, 30}));
  EXPECT_EQ(*parseIds("1,2, 30,"), (Ids{1, 2, 30}));
  EXPECT_EQ(*parseIds(" \n"), Ids());
  for (const char *bad : {"1;2", "-1", "x", "3.5", "99999999999", "1,-2"})
    EXPECT_FALSE(parseIds(bad)) << bad;
  EXPECT_EQ(parseIds("4 five").error().message,
            "expected a token id, but found 'five'");
}

/// readIds for a model of 50 tokens and 8 positions.
static Result<Ids> readSmallIds(const std::string &ids, int64_t context = 0,
                                int64_t batch = 1) {
  LogitsFlags flags;
  flags.batch = batch;
  flags.ids = ids;
  flags.session.context = context;
  ModelConfig config;
  config.vocabSize = 50;
  return readIds(flags, config, 8);
}

TEST(InputTest, ReadsIds) {
  TemporaryFolder folder;
  writeText(folder / "ids", "5 6\n7,8\n");
  EXPECT_EQ(*readSmallIds("1,2, 30"), (Ids{1, 2, 30}));
  EXPECT_EQ(*readSmallIds("@" + (folder / "ids")), (Ids{5, 6, 7, 8}));
}

TEST(InputTest, ChecksIdsForTheModel) {
  auto error = [](const std::string &ids, int64_t context = 0,
                  int64_t batch = 1) {
    Result<Ids> result = readSmallIds(ids, context, batch);
    return result ? "" : result.error().message;
  };
  EXPECT_EQ(error("4,five"), "--ids: expected a token id, but found 'five'");
  EXPECT_EQ(error(""),
            "--ids: expected 1 or more token ids, but there are none");
  EXPECT_EQ(error("@/absent"),
            "/absent: cannot open: No such file or directory");
  EXPECT_EQ(error("1,50"), "token 50 is not in the vocabulary of 50 tokens");
  EXPECT_EQ(error("1 2 3 4 5 6 7 8 9"),
            "prompt of 9 tokens does not fit the context of 8 (--context)");
  EXPECT_EQ(error("1 2 3", 2),
            "prompt of 3 tokens does not fit the context of 2 (--context)");
  EXPECT_EQ(error("1 2 3", 9),
            "expected a context of 1 to 8 positions, for which the model was "
            "made, but got 9");
  EXPECT_EQ(error("1 2 3 4 5 6 7 8 9 10", 0, 2), "");
  EXPECT_EQ(error("1 2 3", 0, 2),
            "--ids: expected as many token ids for each of the 2 sequences of "
            "--batch, but there are 3");
}
