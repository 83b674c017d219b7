"""The words of the embedded corpus: grammar rules, and lists for dates, digits and spelled names.

Every entry is written as it is spoken, in the letters a-z. Of two words with the same pronunciation, only one
is used where possible (see but not sea), because no listener could tell them apart.
"""

from __future__ import annotations

UNITS = "zero one two three four five six seven eight nine".split()

ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth"
    " fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth"
).split()
ORDINALS += [f"twenty {ordinal}" for ordinal in ORDINALS[:9]] + ["thirtieth", "thirty first"]

MONTHS = [
    ("january", 31), ("february", 28), ("march", 31), ("april", 30), ("may", 31), ("june", 30),
    ("july", 31), ("august", 31), ("september", 30), ("october", 31), ("november", 30), ("december", 31),
]  # fmt: skip

_DECADES = "twenty thirty forty fifty sixty seventy eighty ninety".split()
YEARS = [
    f"{century} {decade} {unit}" for century in ("nineteen",) for decade in _DECADES for unit in UNITS[1:]
]
YEARS += [f"twenty twenty {unit}" for unit in UNITS[1:]]

DATE_FORMS = [
    "{weekday} the {ordinal} of {month}",
    "{month} {ordinal} {year}",
    "the {ordinal} of {month} {year}",
    "{weekday} {month} the {ordinal}",
    "{clock} on {month} {ordinal}",
]

NAMES_TO_SPELL = """
    adam agnes albert alice amber amelia andrew angela anna arthur barbara beatrice benjamin bertha boris
    bridget bruce carla carmen caroline cecil charles chloe clara connor cynthia daisy daniel david deborah
    dennis diana donald dorothy edgar edith edward elena elizabeth ellen emily emma eric esther ethan eva
    felix fiona florence frank frederick gabriel george gerald gloria grace gregory hannah harold harriet
    harvey hazel hector helen henry hugo ingrid irene isaac isabel ivan ivy jack jacob james jasper jenny joan
    joseph joyce julia karen keith kevin laura leo leonard lewis linda louise lucy luke mabel magnus margaret
    maria martin mary matthew maurice max melissa michael miriam monica nancy nathan nina noah nora olga
    oliver oscar otto owen pamela patrick paul paula peggy peter philip phoebe quentin quincy rachel ralph
    rebecca richard robert rosa roy ruby rupert ruth samuel sandra sarah sidney simon sofia stanley stella
    steven susan sylvia teresa thomas tina toby ursula valerie vera victor vincent violet virginia walter
    wanda wendy wilma winston xavier yasmin yvonne zack zelda zoe
""".split()

SURNAMES_TO_SPELL = """
    adams bailey baker barnes bell bennett bishop black boyd brooks brown burke byrd campbell carter chavez
    clark cole collins cook cooper cox craig cruz curtis davis dixon drake duncan dunn dyer evans farley
    ferguson fisher fleming flynn ford foster fox franklin fuller garcia gibson gilbert goodwin graham grant
    green griffin hale hardy harper hayes hicks hoffman hopkins howard hughes hunter jackson jenkins jennings
    johnson jordan kelly kennedy king knight lambert lawson lopez lynch marsh maxwell mccoy mendez miller
    moody moore morgan murphy nash nelson newton obrien ortiz osborne owens page palmer parker perez phelps
    pierce porter powell quinn ramsey reed reyes rhodes riley rivera rogers russell ryan schmidt sharp shaw
    silva skinner smith sparks sullivan sutton taylor thompson tucker turner valdez vargas vaughn vazquez
    wagner walker walsh watkins webb weber white wolfe woods wright yates york young zamora ziegler zimmerman
""".split()

GRAMMAR = {
    # --- people and the time of day ---
    "name": "tom | anna | david | sarah | peter | lucy",
    "relative": "mother | father | brother | sister | uncle | cousin",
    "worker": "teacher | doctor | farmer | nurse | baker | driver",
    "person": """
        my <relative> | your <relative> | his <relative> | the <worker> | <name> | <name> | our neighbor |
        the old man |
        the young woman | my best friend
    """,
    "group": "the children | my parents | the guests | the students | our neighbors | her friends",
    "weekday": "monday | tuesday | wednesday | thursday | friday | saturday | sunday",
    "past": "yesterday | last night | last week | this morning | on <weekday> | two days ago | last summer",
    "future": "tomorrow | tonight | next week | on <weekday> | this afternoon | this evening | after lunch",
    "clock": """
        <hour> thirty | half past <hour> | quarter past <hour> | quarter to <hour> |
        <hour> in the morning
    """,
    "hour": "one | two | three | four | five | six | seven | eight | nine | ten | eleven",
    "few": "two | three | four | five | six | seven | eight | ten | twelve | a few",
    "duration": "<few> days | <few> weeks | <few> months | <few> years | a long time",
    # --- places ---
    "town": "london | paris | boston | berlin | dublin | oxford",
    "room": "kitchen | bedroom | bathroom | living room | office | garage",
    "shop": "market | corner shop | village shop",
    "place": """
        the park | the library | the market | the river | the beach | the station | the museum |
        the hospital | the school |
        the village | the bank
    """,
    "surface": "the kitchen table | the floor | the desk",
    # --- things ---
    "color": "green | yellow | white | black | orange | brown",
    "clothing": "jacket | dress | hat | coat",
    "possession": "keys | glasses | gloves | <single_possession> | <single_possession> | <single_possession>",
    "single_possession": "phone | wallet | camera | ticket",
    "furniture": "table | lamp | clock | carpet",
    "box": "box | basket | suitcase | bag | ladder | blanket",
    "size": "big | small | heavy | old | new",
    "dish": """
        rice and beans | tomato soup | chicken with potatoes | an apple pie | fish and chips |
        a chocolate cake
    """,
    "drink": "a cup of tea | some coffee | a glass of water | some milk",
    "goods": "apples | bananas | lemons | eggs | carrots | onions | tomatoes | potatoes | oranges",
    "ingredient": "sugar | salt | butter | cheese | bread | honey",
    "vehicle": "bus | taxi | truck | van",
    "transport": "train | bus | flight",
    "machine": "computer | radio | washing machine | printer | heater | television",
    "event": "concert | movie | meeting | wedding | football match | party | exam",
    "verdict": "boring | wonderful | too long | very good | really funny",
    "subject": "music | french | spanish | chess | the piano | the guitar",
    # --- nature ---
    "weather": "cold | hot | wet | windy | warm",
    "beast": "dog | cat | horse | rabbit | fox | duck | mouse",
    "pet": "dog | cat | horse | rabbit | duck",
    "two_beasts": (
        "the dog and the cat | the fox and the rabbit | the horse and the duck | the cat and the mouse"
    ),
    "beast_size": "little | brown | hungry | young",
    "hid": "ran | jumped | slept | was sitting | was waiting",
    "hid_together": "ran | jumped | slept | were sitting | were waiting",
    "beast_place": (
        "under the tree | in the garden | near the bridge | under the bed | across the field | "
        "behind the house"
    ),
    "plants": "roses | trees",
    # --- what people do ---
    "activity": """
        swim in the lake | visit <place> | play tennis | watch the <event> | paint the <room> |
        ride a bicycle |
        learn <subject> | go to <place> | go to <town>
    """,
    "outdoor": "swim | walk | ride a bicycle | eat outside | work in the garden | play football",
    "indoor": "stay at home | play cards | cook <dish> | watch a movie | clean the <room>",
    "chore": """
        lock the door | water the roses | feed the <pet> | wash the dishes | pay the bill |
        call the <worker> | close the window |
        buy <ingredient> | clean the <room>
    """,
    "request": (
        "open the window | help me with the <box> | bring me <drink> | show me the <box> | "
        "close the door | buy <ingredient>"
    ),
    "mischief": "run | eat | sleep | play football",
    "skill": """
        swim | cook <dish> | open this bottle | play <subject_game> | speak french | drive a truck |
        get to <place> | use the <machine>
    """,
    "subject_game": "chess | the piano | the guitar | tennis | cards",
    "carried": "carried | dropped | found | moved | brought",
    "cooked": "cooked | made | ordered",
    "drove": "drove | walked | returned | went | traveled",
    "moved": "drove | traveled | returned | went",
    "injury": "head | back | finger | left foot | right arm",
    "feeling": "tired | happy | angry | worried",
    "reason": (
        "the <event> was boring | the <transport> was late | it was raining | "
        "the <machine> stopped working | the door was locked"
    ),
    "opinion": "i think | i believe | everybody knows | he told me | we heard",
    "news": """
        the <transport> to <town> is late | <person> is moving to <town> | the <event> starts at <hour> |
        the bridge is closed |
        the shop opens at <hour>
    """,
    "doing": (
        "having breakfast | washing the dishes | playing cards | cleaning the <room> | "
        "waiting for the <transport> | drinking <drink>"
    ),
    # --- whole sentences; a longer list of short ones keeps the average at seven words ---
    "free": """
        <person> <cooked> <dish> for <group> | <person> <cooked> <dish> <past> |
        <person> <carried> the <size> <box> <past> | <person> <carried> a <size> <box> |
        <group> <drove> to <place> <past> | <person> <moved> to <town> with <group> |
        we are going to <town> <future> | i will meet you at <place> <future> |
        <person> wants to <activity> | <person> has never been to <town> |
        do you want to <activity> <future> |
        would you like <drink> | could you please <request> | please <request> before you go |
        where did you put the <possession> | where did <person> buy that <clothing> |
        when does the <transport> to <town> leave | how much is the <color> <clothing> |
        how many <goods> do we need |
        the <beast_size> <beast> <hid> <beast_place> | <two_beasts> <hid_together> <beast_place> |
        it is too <weather> to <outdoor> today | it was <weather> in <town> <past> |
        if it rains we will <indoor> |
        there are <few> <goods> in the <box> | there is some <ingredient> on <surface> |
        i forgot to <chore> <past> | <person> forgot to <chore> | do not forget to <chore> |
        <person> said the <event> was <verdict> | the <event> in <town> was <verdict> |
        why was the <event> so late |
        the <color> <furniture> in the <room> is broken | the <furniture> in the <room> looks very old |
        do you know how to <skill> | i can teach you to <skill> | can <person> <skill> |
        <person> bought <few> <goods> at the <shop> | we need more <ingredient> and some <goods> |
        <person> has studied <subject> for <duration> | have you ever studied <subject> |
        i am learning <subject> |
        please do not <mischief> in the <room> | my <injury> hurts today |
        the <worker> looked at my <injury> |
        <person> lost the <possession> near <place> | i left my <possession> on the <transport> |
        is this your <single_possession> |
        the <machine> stopped working <past> | the <machine> in the <room> is too loud |
        when <person> arrived we were <doing> | i was <doing> when you called |
        <person> was <feeling> because <reason> | are you <feeling> | why are you so <feeling> |
        <person> looks <feeling> today |
        <opinion> <news> | <opinion> that <news> |
        the <vehicle> stopped in front of <place> | a <color> <vehicle> is waiting near <place> |
        we planted <plants> behind the <room_house> |
        <person> works at <place> | <person> is staying near <place> | she lived in <town> for <duration> |
        how far is it to <place> | which <transport> goes to <town>
    """,
    "room_house": "house | school",
    # --- commands, as said to a machine ---
    "device": "light | lamp | heater | radio | television | alarm",
    "genre": "some music | the news",
    "task": "<chore> | call my <relative>",
    "command": """
        turn on the <device> in the <room> | turn off the <device> in the <room> |
        switch off the <room> <device> |
        set an alarm for <clock> | wake me up at <clock> | play <genre> in the <room> |
        add <goods> to the shopping list | add <ingredient> and <goods> to the list | remind me to <task> |
        remind me to <task> <future> | call my <relative> <future> | call the <worker> <future> |
        book a table for <few> on <weekday> |
        show me the way to <place> | open the <room> window |
        stop the music in the <room> | tell me the news
    """,
}

# Further alternatives of the rules above, for clips beyond the frozen ones: about as many again. A rule
# that is only here is new.
MORE_GRAMMAR = {
    "name": "emma | jack | julia | robert | helen | oscar | grace | martin",
    "relative": "aunt | grandmother | nephew | daughter",
    "worker": "painter | plumber | lawyer | singer | waiter",
    "person": "her <relative> | their <relative> | the girl next door | the new boss | the tall man | <name>",
    "group": "the tourists | my friends | the workers | her cousins | the neighbors | the whole family",
    "past": "last month | last winter | three weeks ago | an hour ago | on <weekday> morning | last year",
    "future": "next month | later today | on <weekday> evening | before dinner | next spring | in <few> days",
    "clock": """
        <hour> fifteen | <hour> forty five | ten past <hour> | twenty to <hour> |
        <hour> in the evening
    """,
    "hour": "twelve",
    "few": "eleven | fifteen | twenty | thirty | several | many",
    "duration": "<few> minutes | the whole day | half a year",
    "town": "rome | madrid | chicago | vienna | sydney | glasgow | denver",
    "room": "hall | cellar | attic | dining room | library",
    "shop": "supermarket | bakery | book shop",
    "place": """
        the airport | the church | the castle | the lake | the theater | the town hall | the factory |
        the post office | the stadium | the harbor
    """,
    "surface": "the shelf | the chair | the stove",
    "color": "red | blue | gray | purple | pink | dark green | silver",
    "clothing": "shirt | sweater | scarf | pair of shoes | raincoat",
    "single_possession": "passport | umbrella | notebook | watch | purse | key",
    "furniture": "sofa | chair | mirror | bookshelf | curtain",
    "box": "bucket | mattress | parcel | backpack | trunk | barrel",
    "size": "empty | large | light | broken | tiny | strange",
    "dish": """
        roast beef | mushroom soup | a cheese sandwich | fried eggs | a bowl of noodles | a fruit salad |
        lamb with rosemary | pancakes with syrup
    """,
    "drink": "orange juice | a bottle of lemonade | hot chocolate | a cup of coffee | ice water",
    "goods": "pears | cherries | cucumbers | mushrooms | peppers | grapes | plums | nuts",
    "ingredient": "flour | rice | pepper | olive oil | yogurt | jam | garlic",
    "vehicle": "tractor | motorcycle | fire engine | car | ambulance",
    "transport": "ferry | boat | tram",
    "machine": "dishwasher | microwave | telephone | vacuum cleaner | camera | projector",
    "event": "lecture | festival | game | dinner | ceremony | play | race | funeral",
    "verdict": "quite short | a great success | terrible | hard to follow | worth the money | too loud",
    "subject": "history | physics | german | the violin | biology | painting | law",
    "subject_game": "the violin | the drums | golf | the flute",
    "weather": "sunny | foggy | icy | stormy | dry | cloudy",
    "beast": "goat | sheep | squirrel | frog | pig | hen | wolf",
    "pet": "parrot | goat | hamster | hen",
    "two_beasts": (
        "the wolf and the sheep | the frog and the hen | the goat and the pig | the squirrel and the dog"
    ),
    "beast_size": "lazy | white | gray | fat | noisy | shy",
    "hid": "danced | swam | rested | was hiding | was playing | disappeared",
    "hid_together": "danced | rested | were hiding | were playing | disappeared",
    "beast_place": (
        "behind the barn | on the roof | beside the road | between the bushes | over the fence | "
        "next to the pond | in the tall grass"
    ),
    "plants": "tulips | carrots | sunflowers | bushes | herbs",
    "activity": """
        climb a mountain | bake <dish> | meet <person> | travel to <town> | sing in the choir |
        buy a <color> <vehicle> | sleep in a tent | read the newspaper | dance with <person>
    """,
    "outdoor": "climb | run | wait outside | have a picnic | sail | camp near the lake",
    "indoor": "read a book | bake <dish> | sing together | paint the <room> | play <subject_game>",
    "chore": """
        iron the shirts | sweep the floor | empty the bin | post the letter | charge the phone |
        fix the <machine> | pack the <box> | make the beds | return the book
    """,
    "request": (
        "turn the page | wait for <person> | hold the <box> | speak more slowly | answer the phone | "
        "pass me the <ingredient>"
    ),
    "mischief": "shout | jump | smoke | sing | throw things",
    "skill": "bake <dish> | ride a horse | fix the <machine> | sing | read a map | write in <language>",
    "language": "french | german | spanish | english | chinese | russian",
    "carried": "lifted | pushed | opened | bought | hid | forgot",
    "cooked": "served | prepared | tasted | burned",
    "drove": "hurried | moved | ran | came back",
    "moved": "flew | sailed | moved | came back",
    "injury": "knee | shoulder | left ear | neck | stomach | right hand",
    "feeling": "sad | proud | nervous | excited | hungry | surprised | lonely",
    "reason": (
        "the <event> was cancelled | the <vehicle> broke down | it was snowing | the lights went out | "
        "nobody answered the phone | <person> was late | the <box> was empty"
    ),
    "opinion": "i hope | they say | she wrote | i am sure | the newspaper reported | he promised",
    "news": """
        <person> is getting married <future> | the <shop> has closed | <person> lost the <possession> |
        the road to <town> is blocked | <group> will visit <town> <future> | prices are rising again |
        the <machine> needs a new battery
    """,
    "doing": (
        "reading the newspaper | walking along the river | talking to <person> | "
        "looking for the <possession> | "
        "packing the <box> | singing | fixing the <machine>"
    ),
    "flavor": "sweet | salty | bitter | fresh | delicious | sour",
    "quality": "expensive | cheap | useful | beautiful | modern | dirty | quiet",
    "manner": "slowly | quickly | carefully | quietly | happily | suddenly",
    "free": """
        <person> met <person> at <place> <past> | <person> works <manner> but <person> works <manner> |
        the <worker> opened the <box> <manner> | <group> walked <manner> across the bridge |
        this <clothing> is too <quality> for me | the <color> <clothing> looks very <quality> |
        the <dish_simple> tastes <flavor> | <person> thought the <dish_simple> was too <flavor> |
        why did <person> sell the <color> <vehicle> | who left the <box> in the <room> |
        whose <single_possession> is on <surface> | what did <person> bring from <town> |
        which <furniture> do you like better | where can i buy <goods> and <ingredient> |
        <person> speaks <language> and a little <language> | how do you say that in <language> |
        there was a <color> <vehicle> outside <place> <past> | nobody knew that <news> |
        <person> is afraid of the <beast_size> <beast> | the <beast> and the <beast> were very <feeling> |
        i have to <chore> before i <activity> | <person> would rather <activity> than <outdoor> |
        <person> used to live near <place> in <town> | the <room> is <quality> but the <room> is not |
        we waited <duration> for the <transport> | it took <duration> to find the <possession> |
        you can see <place> from the <room> window | is there a <shop> near <place> |
        <few> people came to the <event> | there were only <few> <goods> left at the <shop> |
        <person> promised to <chore> <future> | <group> decided to <activity> <future> |
        my <injury> still hurts after the <event> | <person> told me to <chore> |
        after the <event> we went to <place> | before the <event> <person> was <feeling> |
        the <machine> was <quality> but it stopped working <past> | have you seen my <color> <clothing> |
        do you remember the <event> in <town> | did <person> really <skill> |
        <person> will <activity> <future> if it is not too <weather> |
        i would like <few> <goods> and some <ingredient> |
        the <worker> from <town> <carried> a <size> <box> | the <weather> day made <person> <feeling>
    """,
    "dish_simple": "soup | cake | chicken | coffee | cheese | bread | salad | juice",
    "device": "fan | oven | printer | computer | dishwasher | camera",
    "genre": "a song | some jazz | the radio | the last message | an old movie | some <language> music",
    "task": "meet <person> at <clock> | visit <place> | pay the <worker> | bring the <single_possession>",
    "command": """
        set the <room> <device> to <few> degrees | play <genre> for <duration> | add <task> to the calendar |
        turn the <device> down in the <room> | turn on the <room> <device> at <clock> |
        set a timer for <few> minutes | wake <person> up at <clock> <future> | call <person> at <clock> |
        book a room in <town> for <few> nights | remind <person> to <chore> <future> |
        remind me of the <event> at <clock> | show me the <event> in <town> |
        stop the <device> in <duration> |
        tell <person> that <news> | add <few> <goods> to the shopping list | open the door of the <room> |
        switch on the <device> at <clock> | book <few> seats for the <event> on <weekday>
    """,
}
