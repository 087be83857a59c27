# Y daflen i'r cyhoedd.

leaflet-title = Eich cofnodion iechyd y tu hwnt i'ch gofal: beth sy'n digwydd, a'ch dewis chi
leaflet-intro = Mae eich meddygfa a'r ysbytai sy'n eich trin yn cadw cofnodion amdanoch er mwyn gofalu amdanoch. Mae'r daflen hon yn dweud beth arall a wneir â rhan o'r cofnodion hyn, pam, pwy gaiff ei defnyddio, a sut y gallwch ddweud na.
leaflet-nothing = Os ydych yn fodlon ar hyn, nid oes angen i chi wneud dim.

leaflet-happens = Beth sy'n digwydd
happens-sent = Mae meddygfeydd ac ysbytai yn anfon rhan benodol o'u cofnodion atom yn rheolaidd.
happens-linked = Rydym yn defnyddio eich dyddiad geni, eich cod post llawn, eich Rhif GIG a'ch rhywedd, ond nid eich enw, i ganfod pa gofnodion sy'n perthyn i'r un person. Gwneir hyn mewn system ddiogel.
happens-record = Rydym yn llunio cofnod newydd nad yw'n cynnwys yr un o'r rhain. Mae marc nad yw'n dweud dim yn cymryd lle eich Rhif GIG. Er hynny, mae'r cofnod yn cael ei warchod fel data personol.

leaflet-sources = O ble y daw cofnodion
source-gp = meddygfeydd: cofnodion wedi'u codio o'ch cofnod meddyg teulu
source-apc = ysbytai: arosiadau
source-op = ysbytai: apwyntiadau cleifion allanol
source-ae = ysbytai: ymweliadau ag adrannau damweiniau ac achosion brys
source-declared = { $name }

leaflet-collected = Beth sydd yn y cofnod newydd
group-about = Amdanoch chi
group-about-what = blwyddyn geni, rhyw, grŵp ethnig, a'r ardal fach lle rydych yn byw (tua 1,500 o bobl) a pha mor ddifreintiedig ydyw
group-where = Ble y cawsoch ofal
group-where-what = y feddygfa, yr ysbyty a'r adran, a'i harbenigedd
group-days = Pryd
group-days-what = dyddiau digwyddiadau; y mis yn unig yn achos genedigaethau a blwyddyn gyntaf bywyd
group-death = Marwolaeth
group-death-what = diwrnod y farwolaeth
group-gp = O'ch cofnod meddyg teulu
group-gp-what = codau ar gyfer yr hyn a ganfuwyd, a wnaed neu a roddwyd ar bresgripsiwn, gyda mesuriadau megis pwysedd gwaed
group-course = Sut yr aeth ymweliad neu arhosiad
group-course-what = sut y daethoch a sut y gadawsoch, gyda pha flaenoriaeth, ac a gawsoch eich gweld
group-findings = Beth a ganfuwyd ac a wnaed
group-findings-what = codau ar gyfer diagnosisau, ymchwiliadau, triniaethau a llawdriniaethau
group-other = O fannau gofal eraill
group-other-what = codau, rhifau a dyddiau a bennir ymlaen llaw ar gyfer pob man
group-marks = Ein marciau ein hunain
group-marks-what = rhifau nad ydynt yn dweud dim, sy'n dal rhannau'r cofnod ynghyd, a'r mis y daethant

leaflet-never = Beth nad yw byth ynddo
never-identifiers = eich enw, eich Rhif GIG, eich dyddiad geni llawn, eich cyfeiriad na'ch cod post
never-text = unrhyw beth a ysgrifennwyd mewn geiriau rhydd
never-sensitive = cofnodion y mae meddygfeydd yn eu dal yn ôl pwy bynnag yw'r claf, yn ôl rhestr o godau sensitif

leaflet-why = At ba ddiben
why-treat = dod o hyd i ffyrdd gwell o atal, trin a rheoli salwch
why-services = gwneud i wasanaethau gyd-fynd ag anghenion cleifion lleol
why-risk = deall pwy sydd mewn perygl o salwch, a gweithredu'n gynnar
why-outcomes = rhoi gwybod i'r cyhoedd am ganlyniadau gofal
why-resources = penderfynu i ble mae arian a staff yn mynd
why-inequalities = lleihau anghydraddoldebau
why-account = galluogi'r cyhoedd i ddwyn gwasanaethau i gyfrif, fel y daw gofal gwael i'r amlwg yn gyflym
why-never = Nid yw byth ar gyfer yswiriant na marchnata, ac nid yw byth yn penderfynu dim amdanoch chi yn unig.

leaflet-who = Pwy gaiff ei ddefnyddio
who-here = Dim ond pobl y corff hwn sy'n gyfrifol amdano. Nid yw'r rhaglen sy'n cadw'r cofnod yn ei roi i neb arall.
who-log = Mae popeth a wneir ag ef yn gadael llinell mewn log na ellir ei newid heb i neb weld.
who-ask = Gallwch ofyn i ni am adroddiad sy'n enwi pob tro y defnyddiwyd data amdanoch, neu y'i gadawyd allan am eich bod wedi gwrthwynebu.

leaflet-object = Sut i ddweud na, a sut i newid eich meddwl
object-how = Dywedwch wrth aelod o staff eich meddygfa, neu wrthym ni, neu llenwch y ffurflen ar y diwedd. Nid oes rhaid i chi roi rheswm. Caiff unrhyw un ddweud wrthym am wrthwynebiad ar ran rhywun arall; mae bob amser yn cyfrif.
object-back = Gallwch dynnu gwrthwynebiad yn ôl, a gwrthwynebu eto, ar unrhyw adeg a chynifer o weithiau ag y dymunwch. Dim ond chi all ei dynnu'n ôl, neu rywun sy'n cael gweithredu ar eich rhan: rhiant neu warcheidwad plentyn o dan 13 oed, neu atwrnai neu ddirprwy sy'n rhoi cyfeirnod y pŵer.
object-gp = Gwrthwynebu i'ch cofnod meddyg teulu adael eich meddygfa. Mae hyn yn atal:
object-all = Gwrthwynebu unrhyw ddefnydd o'ch cofnodion, o ble bynnag y dônt. Mae hyn yn atal:
object-source = Gwrthwynebu defnyddio cofnodion un man gofal arall. Mae hyn yn atal:
object-source-what = defnyddio cofnodion y man hwnnw
object-leaves = Nid yw'r un o'r rhain yn atal:
object-when = Mae'n cyfrif ar unwaith. Caiff data sydd eisoes yn y cofnod ei dynnu allan pan gaiff y cofnod ei lunio neu ei lanhau nesaf.

leaflet-kept = Am ba hyd y cedwir data
kept-wish = Cedwir eich gwrthwynebiad am byth, er mwyn gallu ei barchu; mae eich Rhif GIG wedi'i amgryptio ynddo.
kept-gp = Caiff cofnod meddyg teulu yr ydych yn ei wrthwynebu ei ddinistrio yma. Dim ond o'ch meddygfa y gall ddod yn ôl, os byddwch yn newid eich meddwl.
kept-hospital = Mae cofnodion a anfonodd ysbytai atom yn ôl y gyfraith dan glo, o dan eu hallwedd eu hunain. Dim ond os byddwch yn newid eich meddwl, neu yn ôl y gyfraith isod, y cânt eu hagor.
kept-link = Mae eich dyddiad geni, eich cod post, eich Rhif GIG a'ch rhywedd yn aros wedi'u hamgryptio, er mwyn gwahaniaethu rhwng cofnodion yn unig: fel arall gellid cymryd mai cofnodion rhywun arall yw eich rhai chi.
kept-uses = Rydym yn cadw am byth, wedi'i amgryptio, pwy oedd ym mhob defnydd a phwy a adawyd allan, fel y gallwch ofyn.

leaflet-law = Pan fo'r gyfraith yn dweud yn wahanol
law-what = Dim ond dogfen sy'n enwi ei sail gyfreithiol, ei diben, pa wrthwynebiadau a pha ddata all roi gwrthwynebiad o'r neilltu. Rhaid i ddau berson gwahanol ei llofnodi. Daw i ben ar ôl { $days } diwrnod fan bellaf, ac fe'i cyhoeddir gydag enwau'r rhai a'i llofnododd.
law-purposes = Yr unig ddibenion y gall fod ar eu cyfer:
law-none = Mae dau fath o reswm nad ydynt byth yn ddigon: cymeradwyaeth ar gyfer ymchwil neu gynllunio o dan adran 251, a chyfarwyddyd cyffredinol.

leaflet-contact = Sut i gysylltu â ni
contact-none = Gofynnwch yn eich meddygfa.
contact-name = Pwy ydym ni
contact-telephone = Ffôn
contact-text-phone = Ffôn testun
contact-email = E-bost
contact-post = Drwy'r post
contact-web = Ar y we
contact-needs = Rhowch wybod i ni os hoffech gael y daflen hon neu ein hateb mewn iaith arall, mewn print bras, mewn Braille, ar ffurf sain neu mewn geiriau hawdd.

leaflet-form = Ffurflen: fy newis ynghylch fy nghofnodion iechyd
form-help = Rhowch y ffurflen hon i'ch meddygfa neu anfonwch hi atom ni. Nid yw'n effeithio ar eich gofal.
form-name = Enw llawn
form-birth = Dyddiad geni
form-number = Rhif GIG, os ydych yn ei wybod
form-postcode = Cod post
form-tick = Ticiwch yr hyn a ddymunwch:
form-gp = Rwy'n gwrthwynebu i'm cofnod meddyg teulu adael fy meddygfa at unrhyw ddiben y tu hwnt i'm gofal.
form-all = Rwy'n gwrthwynebu unrhyw ddefnydd o'm cofnodion y tu hwnt i'm gofal, o ble bynnag y dônt.
form-source = Rwy'n gwrthwynebu defnyddio cofnodion y man gofal hwn:
form-back = Rwy'n tynnu gwrthwynebiad blaenorol yn ôl, sef hwn:
form-blank = Y man gofal, neu'r hyn a dynnir yn ôl
form-signer = Os ydych yn llofnodi ar ran rhywun arall: eich enw, a sut yr ydych yn cael gweithredu ar ei ran
form-signature = Llofnod
form-date = Dyddiad
