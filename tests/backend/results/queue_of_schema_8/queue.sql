-- The dump of a queue of schema 8, with the folder of its specs and results as @FOLDER@. That version made it
-- from the specs beside it, with answers that a test gives (tests/support/finished_jobs.py), as follows.
-- whole.txt, whole.json: written, then nothing. killed.txt: one entry written, the other one retried and done,
-- then killed. killed.json: written, done anew with another seed, then killed. changed.txt: as killed.txt, with
-- the result changed by the user. gone.txt: written, removed by the user. never.txt: done, then killed.
-- held.txt: held for a review.
BEGIN TRANSACTION;
CREATE TABLE attempts (
    job     INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    began   REAL NOT NULL,
    ended   REAL,
    outcome TEXT NOT NULL DEFAULT '',
    error   TEXT NOT NULL DEFAULT ''
);
CREATE TABLE cancels (
    job   INTEGER PRIMARY KEY,
    asked REAL NOT NULL
);
CREATE TABLE decisions (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    step     INTEGER NOT NULL,
    job      INTEGER NOT NULL,
    decision TEXT NOT NULL,
    text     TEXT,
    asked    INTEGER NOT NULL,
    time     REAL NOT NULL
);
CREATE TABLE jobs (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    key         TEXT NOT NULL UNIQUE,
    box         TEXT NOT NULL,
    file        TEXT NOT NULL,
    entry       INTEGER NOT NULL,
    name        TEXT NOT NULL,
    prompt      TEXT NOT NULL,
    video       TEXT,
    candidate   INTEGER NOT NULL,
    seed        INTEGER NOT NULL,
    settings    TEXT NOT NULL,
    destination TEXT NOT NULL,
    state       TEXT NOT NULL,
    identity    TEXT,
    request     TEXT,
    estimate    INTEGER NOT NULL DEFAULT 0,
    error       TEXT NOT NULL DEFAULT '',
    attempts    INTEGER NOT NULL DEFAULT 0,
    asked       INTEGER NOT NULL,
    queued      REAL NOT NULL,
    changed     REAL NOT NULL
, control TEXT, media TEXT NOT NULL DEFAULT '', place REAL NOT NULL DEFAULT 0, force INTEGER NOT NULL DEFAULT 0, held INTEGER NOT NULL DEFAULT 0, choice TEXT);
INSERT INTO "jobs" VALUES(1,'ebc5c9f34b9d2a1bdd983d6260b2adeb9edf2b26d872b14cdc347bc5213f3f1d','local','@FOLDER@/whole.txt',0,'whole-1','dusk',NULL,0,0,'{"max_tokens":4096,"reserve":300,"frames_to_extract":2,"frame_sampling":"uniform","safe_resolution":"320x180","auto_resize":true,"fit":"largest","max_upsample_resolution":"","hint_video_dir":"@FOLDER@/inputs/hint_videos","media":"rgb","system_prompt":"","enforce_budget":true,"profile":"transfer1","estimator":"exact"}','@FOLDER@/out/whole.txt','done','847b1543500046979db8a3ccd39fddd7ab0f7f859785b2bfaf773ea1d88712b2','{"profile": "transfer1", "model": "/models/Cosmos-UpsamplePrompt1-12B-Transfer", "system": "", "prompt": "dusk", "frames": [{"sha256": "abababababababababababababababababababababababababababababababab", "width": 640, "height": 480, "time": 1.25}, {"sha256": "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "width": 640, "height": 480, "time": 3.75}], "sampling": {"temperature": 0.6, "max_tokens": 300, "seed": 0}, "candidate": 0}',2479,'',0,1,1.79602759113750052449e+09,1.79602759116401696206e+09,NULL,'',1.0,0,0,NULL);
INSERT INTO "jobs" VALUES(2,'5e40687d90e31ef4cc17d94c20545ed65783606d3d9bb9b8f7e4d92d28c1c7c7','local','@FOLDER@/whole.txt',1,'whole-2','dawn',NULL,0,0,'{"max_tokens":4096,"reserve":300,"frames_to_extract":2,"frame_sampling":"uniform","safe_resolution":"320x180","auto_resize":true,"fit":"largest","max_upsample_resolution":"","hint_video_dir":"@FOLDER@/inputs/hint_videos","media":"rgb","system_prompt":"","enforce_budget":true,"profile":"transfer1","estimator":"exact"}','@FOLDER@/out/whole.txt','done','20c9d089e6dc0f11610c9ff341b76c89c28bf8520358b70612186af8d78b6fa7','{"profile": "transfer1", "model": "/models/Cosmos-UpsamplePrompt1-12B-Transfer", "system": "", "prompt": "dawn", "frames": [{"sha256": "abababababababababababababababababababababababababababababababab", "width": 640, "height": 480, "time": 1.25}, {"sha256": "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "width": 640, "height": 480, "time": 3.75}], "sampling": {"temperature": 0.6, "max_tokens": 300, "seed": 0}, "candidate": 0}',2479,'',0,2,1.79602759113762688644e+09,1.79602759118301486974e+09,NULL,'',2.0,0,0,NULL);
INSERT INTO "jobs" VALUES(3,'25b60189bdcce1d996da4e24ae06d1021eb25f4c394caea14a4e445b1101502e','local','@FOLDER@/killed.txt',0,'killed-1','killed.txt dusk',NULL,0,0,'{"max_tokens":4096,"reserve":300,"frames_to_extract":2,"frame_sampling":"uniform","safe_resolution":"320x180","auto_resize":true,"fit":"largest","max_upsample_resolution":"","hint_video_dir":"@FOLDER@/inputs/hint_videos","media":"rgb","system_prompt":"","enforce_budget":true,"profile":"transfer1","estimator":"exact"}','@FOLDER@/out/killed.txt','done','6ee488b71438d64d1fa4da1f709850b422e9deb91f5a1099af812c6da4de5723','{"profile": "transfer1", "model": "/models/Cosmos-UpsamplePrompt1-12B-Transfer", "system": "", "prompt": "killed.txt dusk", "frames": [{"sha256": "abababababababababababababababababababababababababababababababab", "width": 640, "height": 480, "time": 1.25}, {"sha256": "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "width": 640, "height": 480, "time": 3.75}], "sampling": {"temperature": 0.6, "max_tokens": 300, "seed": 0}, "candidate": 0}',2479,'',0,3,1.79602759123579144482e+09,1.79602759124336433405e+09,NULL,'',3.0,0,0,NULL);
INSERT INTO "jobs" VALUES(4,'dc274f8cc138554c30b5bf28ff3522091ddfa98004effb4dbd68d83bf9cf55f3','local','@FOLDER@/killed.txt',1,'killed-2','killed.txt dawn',NULL,0,0,'{"max_tokens":4096,"reserve":300,"frames_to_extract":2,"frame_sampling":"uniform","safe_resolution":"320x180","auto_resize":true,"fit":"largest","max_upsample_resolution":"","hint_video_dir":"@FOLDER@/inputs/hint_videos","media":"rgb","system_prompt":"","enforce_budget":true,"profile":"transfer1","estimator":"exact"}','@FOLDER@/out/killed.txt','done','6ae3b1be743c1273ab6fb0dcfd4b1e52a54921cbdd015f281a6c700683088d28','{"profile": "transfer1", "model": "/models/Cosmos-UpsamplePrompt1-12B-Transfer", "system": "", "prompt": "killed.txt dawn", "frames": [{"sha256": "abababababababababababababababababababababababababababababababab", "width": 640, "height": 480, "time": 1.25}, {"sha256": "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "width": 640, "height": 480, "time": 3.75}], "sampling": {"temperature": 0.6, "max_tokens": 300, "seed": 0}, "candidate": 0}',2479,'',0,5,1.7960275912358496189e+09,1.79602759141975593572e+09,NULL,'',5.0,0,0,NULL);
INSERT INTO "jobs" VALUES(5,'27a6666b4a5663b433a354c93e3ed1328533d9b01b3b1307b1cfb3ef7db70970','local','@FOLDER@/changed.txt',0,'changed-1','changed.txt dusk',NULL,0,0,'{"max_tokens":4096,"reserve":300,"frames_to_extract":2,"frame_sampling":"uniform","safe_resolution":"320x180","auto_resize":true,"fit":"largest","max_upsample_resolution":"","hint_video_dir":"@FOLDER@/inputs/hint_videos","media":"rgb","system_prompt":"","enforce_budget":true,"profile":"transfer1","estimator":"exact"}','@FOLDER@/out/changed.txt','done','8dc3579cbe10fc8ed218e96113e03669cbf46d95e597d74ba515e81207a8175b','{"profile": "transfer1", "model": "/models/Cosmos-UpsamplePrompt1-12B-Transfer", "system": "", "prompt": "changed.txt dusk", "frames": [{"sha256": "abababababababababababababababababababababababababababababababab", "width": 640, "height": 480, "time": 1.25}, {"sha256": "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "width": 640, "height": 480, "time": 3.75}], "sampling": {"temperature": 0.6, "max_tokens": 300, "seed": 0}, "candidate": 0}',2479,'',0,6,1.79602759144017863277e+09,1.79602759145864772794e+09,NULL,'',6.0,0,0,NULL);
INSERT INTO "jobs" VALUES(6,'099970c2b8df11ab2fa78ded0f02921c3cddec9c3b16ddce29363c9670f77f61','local','@FOLDER@/changed.txt',1,'changed-2','changed.txt dawn',NULL,0,0,'{"max_tokens":4096,"reserve":300,"frames_to_extract":2,"frame_sampling":"uniform","safe_resolution":"320x180","auto_resize":true,"fit":"largest","max_upsample_resolution":"","hint_video_dir":"@FOLDER@/inputs/hint_videos","media":"rgb","system_prompt":"","enforce_budget":true,"profile":"transfer1","estimator":"exact"}','@FOLDER@/out/changed.txt','done','ee4f71e5c5d5c75708f851a7b5b52b42419a33d48ac8e3c19bb27cdbec71e83c','{"profile": "transfer1", "model": "/models/Cosmos-UpsamplePrompt1-12B-Transfer", "system": "", "prompt": "changed.txt dawn", "frames": [{"sha256": "abababababababababababababababababababababababababababababababab", "width": 640, "height": 480, "time": 1.25}, {"sha256": "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "width": 640, "height": 480, "time": 3.75}], "sampling": {"temperature": 0.6, "max_tokens": 300, "seed": 0}, "candidate": 0}',2479,'',0,8,1.79602759144025921826e+09,1.79602759151833319666e+09,NULL,'',8.0,0,0,NULL);
INSERT INTO "jobs" VALUES(7,'80825555a5cf5095706e328c686868570dcd8a5a2645090ae80ff0b06c51e753','local','@FOLDER@/whole.json',0,'whole','dusk',NULL,0,0,'{"max_tokens":4096,"reserve":300,"frames_to_extract":2,"frame_sampling":"uniform","safe_resolution":"320x180","auto_resize":true,"fit":"largest","max_upsample_resolution":"","hint_video_dir":"@FOLDER@/inputs/hint_videos","media":"rgb","system_prompt":"","enforce_budget":true,"profile":"transfer1","estimator":"exact"}','@FOLDER@/out/whole.json','done','847b1543500046979db8a3ccd39fddd7ab0f7f859785b2bfaf773ea1d88712b2','{"profile": "transfer1", "model": "/models/Cosmos-UpsamplePrompt1-12B-Transfer", "system": "", "prompt": "dusk", "frames": [{"sha256": "abababababababababababababababababababababababababababababababab", "width": 640, "height": 480, "time": 1.25}, {"sha256": "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "width": 640, "height": 480, "time": 3.75}], "sampling": {"temperature": 0.6, "max_tokens": 300, "seed": 0}, "candidate": 0}',2479,'',0,9,1.79602759152913212773e+09,1.79602759154303812981e+09,NULL,'',9.0,0,0,NULL);
INSERT INTO "jobs" VALUES(8,'5c51a1a9d6676b307a7a168300f330bef0bfe362da9249c0cd2657b63ed4d3e0','local','@FOLDER@/killed.json',0,'killed','dusk',NULL,0,0,'{"max_tokens":4096,"reserve":300,"frames_to_extract":2,"frame_sampling":"uniform","safe_resolution":"320x180","auto_resize":true,"fit":"largest","max_upsample_resolution":"","hint_video_dir":"@FOLDER@/inputs/hint_videos","media":"rgb","system_prompt":"","enforce_budget":true,"profile":"transfer1","estimator":"exact"}','@FOLDER@/out/killed.json','done','847b1543500046979db8a3ccd39fddd7ab0f7f859785b2bfaf773ea1d88712b2','{"profile": "transfer1", "model": "/models/Cosmos-UpsamplePrompt1-12B-Transfer", "system": "", "prompt": "dusk", "frames": [{"sha256": "abababababababababababababababababababababababababababababababab", "width": 640, "height": 480, "time": 1.25}, {"sha256": "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "width": 640, "height": 480, "time": 3.75}], "sampling": {"temperature": 0.6, "max_tokens": 300, "seed": 0}, "candidate": 0}',2479,'',0,10,1.79602759157598185538e+09,1.79602759161567330364e+09,NULL,'',10.0,0,0,NULL);
INSERT INTO "jobs" VALUES(9,'6885fe38704bbb2ecabf9b2e6d2e33525cc9ebfb7adf06456a029215c41e95b4','local','@FOLDER@/killed.json',0,'killed','dusk',NULL,0,1,'{"max_tokens":4096,"reserve":300,"frames_to_extract":2,"frame_sampling":"uniform","safe_resolution":"320x180","auto_resize":true,"fit":"largest","max_upsample_resolution":"","hint_video_dir":"@FOLDER@/inputs/hint_videos","media":"rgb","system_prompt":"","enforce_budget":true,"profile":"transfer1","estimator":"exact"}','@FOLDER@/out/killed.json','done','884590ea44eef5ba8c9db6f20147fd2f1360e4f427735b6161a91e64f822b491','{"profile": "transfer1", "model": "/models/Cosmos-UpsamplePrompt1-12B-Transfer", "system": "", "prompt": "dusk", "frames": [{"sha256": "abababababababababababababababababababababababababababababababab", "width": 640, "height": 480, "time": 1.25}, {"sha256": "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "width": 640, "height": 480, "time": 3.75}], "sampling": {"temperature": 0.6, "max_tokens": 300, "seed": 1}, "candidate": 0}',2479,'',0,11,1.79602759165643811227e+09,1.796027591710978508e+09,NULL,'',11.0,0,0,NULL);
INSERT INTO "jobs" VALUES(10,'54dafcf1814789af21c2e972c1884a8b92b9156040ee93b69c63690f5c36f4ff','local','@FOLDER@/gone.txt',0,'gone','gone',NULL,0,0,'{"max_tokens":4096,"reserve":300,"frames_to_extract":2,"frame_sampling":"uniform","safe_resolution":"320x180","auto_resize":true,"fit":"largest","max_upsample_resolution":"","hint_video_dir":"@FOLDER@/inputs/hint_videos","media":"rgb","system_prompt":"","enforce_budget":true,"profile":"transfer1","estimator":"exact"}','@FOLDER@/out/gone.txt','done','f90725e859491bc384d46e7dd68cf0ad0f4aca6f21d679527cdc5ba029438a04','{"profile": "transfer1", "model": "/models/Cosmos-UpsamplePrompt1-12B-Transfer", "system": "", "prompt": "gone", "frames": [{"sha256": "abababababababababababababababababababababababababababababababab", "width": 640, "height": 480, "time": 1.25}, {"sha256": "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "width": 640, "height": 480, "time": 3.75}], "sampling": {"temperature": 0.6, "max_tokens": 300, "seed": 0}, "candidate": 0}',2479,'',0,12,1.79602759172402620313e+09,1.79602759175317215917e+09,NULL,'',12.0,0,0,NULL);
INSERT INTO "jobs" VALUES(11,'702d2b019d7e91a47b8603f8c815ad533a618b53f0f290440b4b627313fdcd28','local','@FOLDER@/never.txt',0,'never','never',NULL,0,0,'{"max_tokens":4096,"reserve":300,"frames_to_extract":2,"frame_sampling":"uniform","safe_resolution":"320x180","auto_resize":true,"fit":"largest","max_upsample_resolution":"","hint_video_dir":"@FOLDER@/inputs/hint_videos","media":"rgb","system_prompt":"","enforce_budget":true,"profile":"transfer1","estimator":"exact"}','@FOLDER@/out/never.txt','done','bb798aa6fdb664fab4407cc2278a4fd9c43c81b32c34045422268a8824023f78','{"profile": "transfer1", "model": "/models/Cosmos-UpsamplePrompt1-12B-Transfer", "system": "", "prompt": "never", "frames": [{"sha256": "abababababababababababababababababababababababababababababababab", "width": 640, "height": 480, "time": 1.25}, {"sha256": "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "width": 640, "height": 480, "time": 3.75}], "sampling": {"temperature": 0.6, "max_tokens": 300, "seed": 0}, "candidate": 0}',2479,'',0,13,1.79602759181774497034e+09,1.79602759185499024395e+09,NULL,'',13.0,0,0,NULL);
INSERT INTO "jobs" VALUES(12,'da39aafc73a78df0135c83e5dba54b7e63854d5e8bed0cc66886ccd26244d35d','local','@FOLDER@/held.txt',0,'held','held',NULL,0,0,'{"max_tokens":4096,"reserve":300,"frames_to_extract":2,"frame_sampling":"uniform","safe_resolution":"320x180","auto_resize":true,"fit":"largest","max_upsample_resolution":"","hint_video_dir":"@FOLDER@/inputs/hint_videos","media":"rgb","system_prompt":"","enforce_budget":true,"profile":"transfer1","estimator":"exact"}','@FOLDER@/out/held.txt','done','f2c4be81a015e2376b8a3162ed91d7c3f03f95394ae4056155741baafd5db5ff','{"profile": "transfer1", "model": "/models/Cosmos-UpsamplePrompt1-12B-Transfer", "system": "", "prompt": "held", "frames": [{"sha256": "abababababababababababababababababababababababababababababababab", "width": 640, "height": 480, "time": 1.25}, {"sha256": "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "width": 640, "height": 480, "time": 3.75}], "sampling": {"temperature": 0.6, "max_tokens": 300, "seed": 0}, "candidate": 0}',2479,'',0,14,1.7960275918651006222e+09,1.79602759190298914915e+09,NULL,'',14.0,0,1,NULL);
CREATE TABLE pauses (
    job   INTEGER PRIMARY KEY,
    asked REAL NOT NULL
);
CREATE TABLE results (
    identity TEXT PRIMARY KEY,
    answer   TEXT NOT NULL,
    received REAL NOT NULL
);
INSERT INTO "results" VALUES('847b1543500046979db8a3ccd39fddd7ab0f7f859785b2bfaf773ea1d88712b2','{"text": "A long dusk.", "finish_reason": "stop", "engine": "vllm 0.32.0", "prompt_tokens": 2479, "completion_tokens": 4, "runner": "0123456789ab", "notice": "", "attempt": 1, "started": 1000.0, "ended": 1002.5}',1.79602759116336727139e+09);
INSERT INTO "results" VALUES('20c9d089e6dc0f11610c9ff341b76c89c28bf8520358b70612186af8d78b6fa7','{"text": "A long dawn.", "finish_reason": "stop", "engine": "vllm 0.32.0", "prompt_tokens": 2479, "completion_tokens": 4, "runner": "0123456789ab", "notice": "", "attempt": 1, "started": 1000.0, "ended": 1002.5}',1.79602759117102384568e+09);
INSERT INTO "results" VALUES('6ee488b71438d64d1fa4da1f709850b422e9deb91f5a1099af812c6da4de5723','{"text": "A long dusk of killed.txt.", "finish_reason": "stop", "engine": "vllm 0.32.0", "prompt_tokens": 2479, "completion_tokens": 6, "runner": "0123456789ab", "notice": "", "attempt": 1, "started": 1000.0, "ended": 1002.5}',1.79602759124052715304e+09);
INSERT INTO "results" VALUES('6ae3b1be743c1273ab6fb0dcfd4b1e52a54921cbdd015f281a6c700683088d28','{"text": "A long dawn of killed.txt.", "finish_reason": "stop", "engine": "vllm 0.32.0", "prompt_tokens": 2479, "completion_tokens": 6, "runner": "0123456789ab", "notice": "", "attempt": 1, "started": 1000.0, "ended": 1002.5}',1.7960275914189157486e+09);
INSERT INTO "results" VALUES('8dc3579cbe10fc8ed218e96113e03669cbf46d95e597d74ba515e81207a8175b','{"text": "A long dusk of changed.txt.", "finish_reason": "stop", "engine": "vllm 0.32.0", "prompt_tokens": 2479, "completion_tokens": 6, "runner": "0123456789ab", "notice": "", "attempt": 1, "started": 1000.0, "ended": 1002.5}',1.79602759145315027237e+09);
INSERT INTO "results" VALUES('ee4f71e5c5d5c75708f851a7b5b52b42419a33d48ac8e3c19bb27cdbec71e83c','{"text": "A long dawn of changed.txt.", "finish_reason": "stop", "engine": "vllm 0.32.0", "prompt_tokens": 2479, "completion_tokens": 6, "runner": "0123456789ab", "notice": "", "attempt": 1, "started": 1000.0, "ended": 1002.5}',1.79602759150699830053e+09);
INSERT INTO "results" VALUES('884590ea44eef5ba8c9db6f20147fd2f1360e4f427735b6161a91e64f822b491','{"text": "A new dusk.", "finish_reason": "stop", "engine": "vllm 0.32.0", "prompt_tokens": 2479, "completion_tokens": 4, "runner": "0123456789ab", "notice": "", "attempt": 1, "started": 1000.0, "ended": 1002.5}',1.79602759170316052432e+09);
INSERT INTO "results" VALUES('f90725e859491bc384d46e7dd68cf0ad0f4aca6f21d679527cdc5ba029438a04','{"text": "A long gone.", "finish_reason": "stop", "engine": "vllm 0.32.0", "prompt_tokens": 2479, "completion_tokens": 4, "runner": "0123456789ab", "notice": "", "attempt": 1, "started": 1000.0, "ended": 1002.5}',1.79602759174300670623e+09);
INSERT INTO "results" VALUES('bb798aa6fdb664fab4407cc2278a4fd9c43c81b32c34045422268a8824023f78','{"text": "A long never.", "finish_reason": "stop", "engine": "vllm 0.32.0", "prompt_tokens": 2479, "completion_tokens": 4, "runner": "0123456789ab", "notice": "", "attempt": 1, "started": 1000.0, "ended": 1002.5}',1.79602759184308981895e+09);
INSERT INTO "results" VALUES('f2c4be81a015e2376b8a3162ed91d7c3f03f95394ae4056155741baafd5db5ff','{"text": "A long held.", "finish_reason": "stop", "engine": "vllm 0.32.0", "prompt_tokens": 2479, "completion_tokens": 4, "runner": "0123456789ab", "notice": "", "attempt": 1, "started": 1000.0, "ended": 1002.5}',1.79602759188052630429e+09);
CREATE TABLE seen (
    box     TEXT PRIMARY KEY,
    journal TEXT NOT NULL,
    seq     INTEGER NOT NULL
);
CREATE TABLE written (
    path   TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL,
    source TEXT NOT NULL
, result TEXT, replaced BLOB, pending TEXT);
INSERT INTO "written" VALUES('@FOLDER@/out/whole.txt','d5ad890e92b4582cda6239bb1a3af61e8e68e7c08b5fe5219d923bcd541c6293','@FOLDER@/whole.txt','@FOLDER@/out/whole.txt',NULL,NULL);
INSERT INTO "written" VALUES('@FOLDER@/out/whole.txt.upsample.json','8f4a815d9eb6792620f6d064c2b1807826896a7c30248f341696823d86f82c7b','@FOLDER@/whole.txt','@FOLDER@/out/whole.txt',NULL,NULL);
INSERT INTO "written" VALUES('@FOLDER@/out/killed.txt','c6278dbd4354ad5c68afc365ea6686542de0c5d04ce77842e38205f041d62d66','@FOLDER@/killed.txt','@FOLDER@/out/killed.txt',NULL,NULL);
INSERT INTO "written" VALUES('@FOLDER@/out/killed.txt.upsample.json','f78755b4172d3fc9395299c0bf4e181c909fcc0b11944cf5a1842ace2ea42074','@FOLDER@/killed.txt','@FOLDER@/out/killed.txt',NULL,NULL);
INSERT INTO "written" VALUES('@FOLDER@/out/changed.txt','8516b6eb89a91850b1925b1e7681cd2cadea839d8ae634c2ebb02b377d8fdb1c','@FOLDER@/changed.txt','@FOLDER@/out/changed.txt',NULL,NULL);
INSERT INTO "written" VALUES('@FOLDER@/out/changed.txt.upsample.json','3812fad405f11c41da195055c6a1870891e705ec04fadd6a7f52f1bd55a6fefc','@FOLDER@/changed.txt','@FOLDER@/out/changed.txt',NULL,NULL);
INSERT INTO "written" VALUES('@FOLDER@/out/whole.json','ccf25620b344a5bfb5d922f1de80fdb9f7454479c5f2faa3982897eefeffb513','@FOLDER@/whole.json','@FOLDER@/out/whole.json',NULL,NULL);
INSERT INTO "written" VALUES('@FOLDER@/out/killed.json','bb0d0f8625bca5d3730c9658469c6453b374e180e04e64ad87272c67252a4fb7','@FOLDER@/killed.json','@FOLDER@/out/killed.json',NULL,NULL);
INSERT INTO "written" VALUES('@FOLDER@/out/gone.txt','45c5a2e7f4c340a6b1dc31ecf6b094435f539075e7899f90377e3e0efceaca16','@FOLDER@/gone.txt','@FOLDER@/out/gone.txt',NULL,NULL);
INSERT INTO "written" VALUES('@FOLDER@/out/gone.txt.upsample.json','42f18a9e5c950e435cced5545d96c0d3674b5f3f30318c4fe76a26709fa84be2','@FOLDER@/gone.txt','@FOLDER@/out/gone.txt',NULL,NULL);
CREATE INDEX jobs_by_destination ON jobs (destination);
CREATE INDEX decisions_by_job ON decisions (job);
CREATE INDEX attempts_by_job ON attempts (job);
CREATE INDEX jobs_by_choice ON jobs (choice) WHERE choice IS NOT NULL;
CREATE INDEX jobs_by_identity ON jobs (identity) WHERE identity IS NOT NULL;
CREATE INDEX jobs_by_asked ON jobs (asked);
CREATE INDEX jobs_unended ON jobs (place, number) WHERE state NOT IN ('done', 'failed', 'cancelled');
CREATE INDEX decisions_by_asked ON decisions (asked);
CREATE INDEX decisions_by_step ON decisions (step);
CREATE INDEX written_by_result ON written (result) WHERE result IS NOT NULL;
CREATE INDEX results_by_time ON results (received);
CREATE INDEX jobs_by_change ON jobs (changed);
COMMIT;
PRAGMA user_version = 8;
