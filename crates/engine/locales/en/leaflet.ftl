# The leaflet for the public. What it lists, the program puts in: a message for each thing that is collected or done.

leaflet-title = Your health records beyond your care: what happens, and your choice
leaflet-intro = Your GP practice and the hospitals that treat you keep records about you, so that they can care for you. This leaflet tells what else is done with a part of these records, why, who may use it, and how you can say no.
leaflet-nothing = If you are happy with this, you need do nothing.

leaflet-happens = What happens
happens-sent = Practices and hospitals send us a set part of their records, regularly.
happens-linked = We use your date of birth, full postcode, NHS Number and gender, and not your name, to find which records are one person's. This is done in a secure system.
happens-record = We make a new record that holds none of these. A mark that tells nothing stands in the place of your NHS Number. It is guarded as personal data all the same.

leaflet-sources = Where records come from
source-gp = GP practices: coded entries of your GP record
source-apc = hospitals: stays
source-op = hospitals: outpatient appointments
source-ae = hospitals: visits to accident and emergency
source-declared = { $name }

leaflet-collected = What the new record holds
group-about = About you
group-about-what = year of birth, sex, ethnic group, and the small area where you live (about 1,500 people) with how deprived it is
group-where = Where you were cared for
group-where-what = the practice, hospital and department, and its specialty
group-days = When
group-days-what = the days of events; of births, and of the first year of life, only the month
group-death = Death
group-death-what = the day of death
group-gp = From your GP record
group-gp-what = codes of what was found, done or prescribed, with measurements such as blood pressure
group-course = How a visit or stay went
group-course-what = how you came and left, with which priority, and whether you were seen
group-findings = What was found and done
group-findings-what = codes of diagnoses, investigations, treatments and operations
group-other = From other places of care
group-other-what = codes, numbers and days that are set down beforehand for each place
group-marks = Marks of our own
group-marks-what = numbers that tell nothing, which hold the parts of the record together, and the month in which they came

leaflet-never = What it never holds
never-identifiers = your name, NHS Number, full date of birth, address or postcode
never-text = anything that was written in free words
never-sensitive = entries that practices keep back whoever the patient is, by a list of sensitive codes

leaflet-why = What it is for
why-treat = finding better ways of preventing, treating and managing illness
why-services = making services fit what local patients need
why-risk = understanding who is at risk of an illness, and acting early
why-outcomes = letting the public know how care turns out
why-resources = deciding where money and staff go
why-inequalities = reducing inequalities
why-account = letting the public hold services to account, so that bad care is found quickly
why-never = It is never for insurance or marketing, and never decides anything about you alone.

leaflet-who = Who may use it
who-here = Only the people of this body who are charged with it. The program that keeps the record gives it to nobody else.
who-log = Everything that is done with it leaves a line in a log that cannot be changed unseen.
who-ask = You can ask us for a report that names every time data about you was used, or left out because you objected.

leaflet-object = How to say no, and how to change your mind
object-how = Tell a member of staff of your practice, or us, or fill in the form at the end. You need give no reason. Anybody may tell us of an objection for somebody else; it always counts.
object-back = You can take an objection back, and object again, at any time and as many times as you wish. Only you take it back, or somebody who may act for you: a parent or guardian of a child under 13, or an attorney or deputy with the power's reference.
object-gp = Object to your GP record leaving your practice. It stops:
object-all = Object to any use of your records, wherever they come from. It stops:
object-source = Object to the use of records of one other place of care. It stops:
object-source-what = the use of the records of that place
object-leaves = None of these stops:
object-when = It counts at once. Data that stands in the record already is taken out when the record is next made or cleaned.

leaflet-kept = How long data is kept
kept-wish = Your objection is kept for good, so that it can be honoured; your NHS Number is encrypted in it.
kept-gp = A GP record that you object to is destroyed here. It can come back from your practice alone, if you change your mind.
kept-hospital = Records that hospitals sent us by law are locked away under a key of their own. They are opened only if you change your mind, or by the law below.
kept-link = Your date of birth, postcode, NHS Number and gender stay encrypted, for telling records apart alone: otherwise your records could be taken for somebody else's.
kept-uses = We keep for good, encrypted, whom each use held and left out, so that you can ask.

leaflet-law = When the law says otherwise
law-what = An objection can be set aside only by a document that names its legal basis, its purpose, which objections and which data. Two different people must sign it. It ends at the latest after { $days } days, and is published with the names of those who signed.
law-purposes = The only purposes for which it may be:
law-none = Two kinds of reason never suffice: approval for research or planning under section 251, and a general direction.

leaflet-contact = How to reach us
contact-none = Please ask at your GP practice.
contact-name = Who we are
contact-telephone = Telephone
contact-text-phone = Text phone
contact-email = E-mail
contact-post = By post
contact-web = On the web
contact-needs = Tell us if you want this leaflet or our answer in another language, in large print, in Braille, as audio or in easy words.

leaflet-form = Form: my choice about my health records
form-help = Give this form to your GP practice or send it to us. Your care is not affected.
form-name = Full name
form-birth = Date of birth
form-number = NHS Number, if you know it
form-postcode = Postcode
form-tick = Tick what you want:
form-gp = I object to my GP record leaving my practice for anything beyond my care.
form-all = I object to any use of my records beyond my care, wherever they come from.
form-source = I object to the use of records of this place of care:
form-back = I take back an earlier objection of mine, to this:
form-blank = Place of care, or what is taken back
form-signer = If you sign for somebody else: your name, and how you may act for them
form-signature = Signature
form-date = Date
